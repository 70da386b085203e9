-- Without Redis one replica may serve: the one that renews this row.
create table replica_lease (
    id integer primary key not null check (id = 1),
    holder blob not null,
    host text not null,
    lease_until text not null
);
