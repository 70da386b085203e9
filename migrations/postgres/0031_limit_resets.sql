-- From when on usage counts again: what an administrator has forgiven stays forgiven where counters are restored from
-- `attempts`. `subject` is `*` for all, `rule` empty for all. Microseconds since 1970; removed after the longest window.
create table limit_resets (
    subject text not null,
    rule text not null,
    at_us bigint not null,
    primary key (subject, rule)
);
