-- Dated exceptions from a limit, and the counters' embedded home. `expires_us`: microseconds since 1970.
create table limit_overrides (
    user_id uuid not null references users (id) on delete cascade,
    rule text not null,
    max bigint not null,
    until timestamptz,
    reason text,
    created_at timestamptz not null,
    created_by text not null,
    primary key (user_id, rule)
);

create table counters (
    subject text not null,
    field text not null,
    value bigint not null,
    expires_us bigint not null,
    primary key (subject, field)
);
