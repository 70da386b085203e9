-- What limits have refused lately, with the values as they were: found by the decision's id or the request's. The latest
-- hundred of each subject and rule are kept. Microseconds since 1970; cost in nano-dollars.
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
