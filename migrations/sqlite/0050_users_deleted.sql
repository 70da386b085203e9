-- A deleted account is marked at once; what it had is removed in small batches afterwards, and its row last.
alter table users add column deleted_at text;

create index users_deleted on users (id) where deleted_at is not null;
