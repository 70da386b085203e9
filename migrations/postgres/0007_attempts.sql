-- One row per provider call, written before the call and settled once after it. Cost in nano-dollars.
create table attempts (
    id uuid primary key not null,
    turn_id uuid not null references turns (id) on delete cascade,
    number bigint not null,
    provider text not null,
    model text not null,
    input_tokens bigint,
    output_tokens bigint,
    cached_tokens bigint,
    usage_source text check (usage_source in ('provider', 'estimated', 'partial')),
    cost bigint,
    price_version text,
    error_code text,
    started_at timestamptz not null,
    finished_at timestamptz
);

create unique index attempts_in_order on attempts (turn_id, number);
