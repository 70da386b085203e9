-- The addresses from which accounts were logged in to: such an address is not locked out by wrong passwords from other
-- addresses. Only a keyed hash of it is stored.
create table login_addresses (
    address_hash blob not null,
    user_id blob not null references users (id) on delete cascade,
    last_login_at text not null,
    primary key (address_hash, user_id)
);

create index login_addresses_by_user on login_addresses (user_id, last_login_at);
