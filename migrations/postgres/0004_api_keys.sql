-- Long-lived bearer tokens; only the hash of the secret is stored.
create table api_keys (
    id uuid primary key not null,
    user_id uuid not null references users (id) on delete cascade,
    public_id text not null unique,
    secret_hash bytea not null,
    name text not null,
    scopes jsonb not null,
    created_at timestamptz not null,
    expires_at timestamptz,
    last_used_at timestamptz,
    revoked_at timestamptz
);

create index api_keys_by_user on api_keys (user_id);
