-- Without Redis one replica may serve: the one that renews this row.
create table replica_lease (
    id bigint primary key not null check (id = 1),
    holder uuid not null,
    host text not null,
    lease_until timestamptz not null
);
