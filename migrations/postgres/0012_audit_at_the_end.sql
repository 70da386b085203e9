-- A row of the audit log can only be added at its end, and only by linking to the last one.
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
