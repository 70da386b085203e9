-- Audited actions, each with its actor, in a chain: hash = SHA-256(previous hash, canonical row).
create table audit (
    id bigint primary key not null,
    at timestamptz not null,
    actor text not null,
    surface text not null check (surface in ('http', 'cli', 'system')),
    address text,
    action text not null,
    target text,
    outcome text not null,
    reason text,
    before jsonb,
    after jsonb,
    request_id text,
    previous_hash bytea not null,
    hash bytea not null
);

-- The log is searched by actor, action, the noun an action begins with, target and time. Each index but the last also gives the
-- rows in their order.
create index audit_by_actor on audit (actor, id);

create index audit_by_action on audit (action, id);

create index audit_by_noun on audit (substr(action, 1, length(action) - length(ltrim(action, 'abcdefghijklmnopqrstuvwxyz_'))), id);

create index audit_by_target on audit (target, id) where target is not null;

create index audit_by_time on audit (at, id);

create function audit_is_append_only() returns trigger language plpgsql as $$
begin
    raise exception 'the audit log is append-only';
end
$$;

create trigger audit_is_append_only before update or delete or truncate on audit
for each statement execute function audit_is_append_only();

-- A row can only be added at the end, and only by linking to the last one.
create function audit_grows_at_its_end() returns trigger language plpgsql as $$
declare
    last record;
begin
    select id, hash into last from audit order by id desc limit 1;
    if new.id <> coalesce(last.id, 0) + 1 or new.previous_hash <> coalesce(last.hash, decode(repeat('00', 32), 'hex')) then
        raise exception 'the audit log grows at its end only';
    end if;
    return new;
end
$$;

create trigger audit_grows_at_its_end before insert on audit
for each row execute function audit_grows_at_its_end();
