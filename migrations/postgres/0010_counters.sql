-- The counters of limits, where Redis does not hold them. `expires_us`: microseconds since 1970.
create table counters (
    subject text not null,
    field text not null,
    value bigint not null,
    expires_us bigint not null,
    primary key (subject, field)
);

-- Finds the reservations of turns, to detect those left unsettled. Other counters are not in it.
create index counters_reserved on counters (subject, field) where substr(field, 1, 9) = 'reserved:';

-- The processes that count in the database because they cannot reach Redis, and the time until which they may. The other
-- processes count here for as long, so that all use the same counters at any time. Microseconds since 1970.
create table counter_fallbacks (
    instance uuid primary key not null,
    until_us bigint not null
);
