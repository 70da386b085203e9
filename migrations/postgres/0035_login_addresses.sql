-- Where accounts were logged in to from: such an address is not locked out by others' wrong passwords. Only a keyed hash of it.
create table login_addresses (
    address_hash bytea not null,
    user_id uuid not null references users (id) on delete cascade,
    last_login_at timestamptz not null,
    primary key (address_hash, user_id)
);

create index login_addresses_by_user on login_addresses (user_id, last_login_at);
