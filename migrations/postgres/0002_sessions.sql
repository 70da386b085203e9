-- A login, and the refresh tokens made from it. A used token is kept, so that its reuse is detected.
create table sessions (
    id uuid primary key not null,
    user_id uuid not null references users (id) on delete cascade,
    address text,
    user_agent text,
    created_at timestamptz not null,
    last_used_at timestamptz not null,
    expires_at timestamptz not null,
    revoked_at timestamptz
);

create index sessions_by_user on sessions (user_id);

create table refresh_tokens (
    hash bytea primary key not null,
    session_id uuid not null references sessions (id) on delete cascade,
    created_at timestamptz not null,
    used_at timestamptz
);

create index refresh_tokens_by_session on refresh_tokens (session_id);
