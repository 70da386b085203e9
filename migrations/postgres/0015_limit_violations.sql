-- Who was refused by which limit lately, counted. The latest few thousand are kept. Microseconds since 1970.
create table limit_violations (
    subject text not null,
    rule text not null,
    count bigint not null,
    last_us bigint not null,
    until_us bigint not null,
    primary key (subject, rule)
);

create index limit_violations_by_time on limit_violations (last_us desc);
