-- One row per provider call, written before the call and settled once after it. Cost in nano-dollars.
create table attempts (
    id blob primary key not null,
    turn_id blob not null references turns (id) on delete cascade,
    number integer not null,
    provider text not null,
    model text not null,
    input_tokens integer,
    output_tokens integer,
    cached_tokens integer,
    usage_source text check (usage_source in ('provider', 'estimated', 'partial')),
    cost integer,
    price_version text,
    error_code text,
    started_at text not null,
    finished_at text
);

create unique index attempts_in_order on attempts (turn_id, number);
