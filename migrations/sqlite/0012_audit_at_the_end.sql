-- A row of the audit log can only be added at its end, and only by linking to the last one. `insert or replace` would
-- otherwise remove a row without firing the trigger on deletes.
create trigger audit_grows_at_its_end before insert on audit
when new.id is not (select coalesce(max(id), 0) + 1 from audit)
    or new.previous_hash is not coalesce((select hash from audit order by id desc limit 1), zeroblob(32))
begin
    select raise(abort, 'the audit log grows at its end only');
end;
