-- The audit log is searched by actor, action, the noun an action begins with, target and time. Each index but the last also
-- gives the rows in their order.
create index audit_by_actor on audit (actor, id);

create index audit_by_action on audit (action, id);

create index audit_by_noun on audit (substr(action, 1, length(action) - length(ltrim(action, 'abcdefghijklmnopqrstuvwxyz_'))), id);

create index audit_by_target on audit (target, id) where target is not null;

create index audit_by_time on audit (at, id);
