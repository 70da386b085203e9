-- Accounts. The folded columns hold the form that is compared: lower case. `deleted_at` marks a deleted account at once; its
-- data is removed in small batches afterwards, and its row last.
create table users (
    id blob primary key not null,
    username text not null,
    username_folded text not null unique,
    email text,
    email_folded text unique,
    password_hash text not null,
    role text not null check (role in ('user', 'auditor', 'admin')),
    enabled boolean not null,
    epoch integer not null,
    created_at text not null,
    last_login_at text,
    deleted_at text
);

create index users_deleted on users (id) where deleted_at is not null;
