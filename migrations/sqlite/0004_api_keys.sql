-- Long-lived bearer tokens; only the hash of the secret is stored.
create table api_keys (
    id blob primary key not null,
    user_id blob not null references users (id) on delete cascade,
    public_id text not null unique,
    secret_hash blob not null,
    name text not null,
    scopes text not null,
    created_at text not null,
    expires_at text,
    last_used_at text,
    revoked_at text
);

create index api_keys_by_user on api_keys (user_id);
