-- Who was refused by which limit lately, counted. The latest few thousand are kept. Microseconds since 1970.
create table limit_violations (
    subject text not null,
    rule text not null,
    count integer not null,
    last_us integer not null,
    until_us integer not null,
    primary key (subject, rule)
);

create index limit_violations_by_time on limit_violations (last_us desc);
