-- A login, and the refresh tokens made from it. A used token is kept, so that its reuse is detected.
create table sessions (
    id blob primary key not null,
    user_id blob not null references users (id) on delete cascade,
    address text,
    user_agent text,
    created_at text not null,
    last_used_at text not null,
    expires_at text not null,
    revoked_at text
);

create index sessions_by_user on sessions (user_id);

create table refresh_tokens (
    hash blob primary key not null,
    session_id blob not null references sessions (id) on delete cascade,
    created_at text not null,
    used_at text
);

create index refresh_tokens_by_session on refresh_tokens (session_id);
