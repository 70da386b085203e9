-- Accounts. The folded columns hold the form that is compared: lower case.
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
    last_login_at text
);
