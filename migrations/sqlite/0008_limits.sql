-- Dated exceptions from a limit, and the counters' embedded home. `expires_us`: microseconds since 1970.
create table limit_overrides (
    user_id blob not null references users (id) on delete cascade,
    rule text not null,
    max integer not null,
    until text,
    reason text,
    created_at text not null,
    created_by text not null,
    primary key (user_id, rule)
);

create table counters (
    subject text not null,
    field text not null,
    value integer not null,
    expires_us integer not null,
    primary key (subject, field)
);
