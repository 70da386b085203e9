-- Who did what, in a chain: hash = SHA-256(previous hash, canonical row).
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

create function audit_is_append_only() returns trigger language plpgsql as $$
begin
    raise exception 'the audit log is append-only';
end
$$;

create trigger audit_is_append_only before update or delete or truncate on audit
for each statement execute function audit_is_append_only();
