-- Whoever wants a running turn to end says so here; the process that runs it looks for it again and again.
alter table turns add column cancel_requested_at timestamptz;

create index turns_to_cancel on turns (owner) where state = 'running' and cancel_requested_at is not null;
