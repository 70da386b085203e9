-- Exceptions from a limit for single users, with an end where `until` is set.
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

-- The time from which usage counts again: what an administrator has reset stays reset where counters are restored from
-- `attempts`. `subject` is `*` for all, `rule` is empty for all. Microseconds since 1970; removed after the longest window.
create table limit_resets (
    subject text not null,
    rule text not null,
    at_us integer not null,
    primary key (subject, rule)
);

-- The recent refusals of each subject by each rule, counted. The latest few thousand are kept. Microseconds since 1970.
create table limit_violations (
    subject text not null,
    rule text not null,
    count integer not null,
    last_us integer not null,
    until_us integer not null,
    primary key (subject, rule)
);

create index limit_violations_by_time on limit_violations (last_us desc);

-- The recent refusals one by one, with the values of that time, found by the decision's id or the request's. The latest hundred
-- of each subject and rule are kept. Microseconds since 1970; cost in nano-dollars.
create table limit_refusals (
    id blob primary key not null,
    request_id text not null,
    subject text not null,
    rule text not null,
    counted text not null check (counted in ('messages', 'turns', 'tokens', 'cost')),
    at_us integer not null,
    max integer not null,
    used integer not null,
    reserved integer not null,
    requested integer not null,
    retry_after_secs integer
);

create index limit_refusals_by_request on limit_refusals (request_id);

create index limit_refusals_by_subject on limit_refusals (subject, rule, at_us desc);

create index limit_refusals_by_time on limit_refusals (at_us desc);
