-- Audited actions, each with its actor, in a chain: hash = SHA-256(previous hash, canonical row).
create table audit (
    id integer primary key not null,
    at text not null,
    actor text not null,
    surface text not null check (surface in ('http', 'cli', 'system')),
    address text,
    action text not null,
    target text,
    outcome text not null,
    reason text,
    before text,
    after text,
    request_id text,
    previous_hash blob not null,
    hash blob not null
);

-- The log is searched by actor, action, the noun an action begins with, target and time. Each index but the last also gives the
-- rows in their order.
create index audit_by_actor on audit (actor, id);

create index audit_by_action on audit (action, id);

create index audit_by_noun on audit (substr(action, 1, length(action) - length(ltrim(action, 'abcdefghijklmnopqrstuvwxyz_'))), id);

create index audit_by_target on audit (target, id) where target is not null;

create index audit_by_time on audit (at, id);

create trigger audit_refuses_update before update on audit
begin
    select raise(abort, 'the audit log is append-only');
end;

create trigger audit_refuses_delete before delete on audit
begin
    select raise(abort, 'the audit log is append-only');
end;

-- A row can only be added at the end, and only by linking to the last one. `insert or replace` would otherwise remove a row
-- without firing the trigger on deletes.
create trigger audit_grows_at_its_end before insert on audit
when new.id is not (select coalesce(max(id), 0) + 1 from audit)
    or new.previous_hash is not coalesce((select hash from audit order by id desc limit 1), zeroblob(32))
begin
    select raise(abort, 'the audit log grows at its end only');
end;
