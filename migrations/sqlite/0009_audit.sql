-- Who did what, in a chain: hash = SHA-256(previous hash, canonical row).
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

create trigger audit_refuses_update before update on audit
begin
    select raise(abort, 'the audit log is append-only');
end;

create trigger audit_refuses_delete before delete on audit
begin
    select raise(abort, 'the audit log is append-only');
end;
