-- What was used is counted by limits and in sums for as long as its window lasts, whatever becomes of account, conversation
-- and turn: an attempt stays when they go, with the ids it is counted by and no name. `address` is the subject of limits
-- (IPv6 by its /64), kept only where a rule counts addresses, and no longer than the longest window. `reserved_tokens` and
-- `reserved_cost` are the worst case that the running turn was admitted with.
create table lasting_attempts (
    id blob primary key not null,
    turn_id blob not null,
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
    finished_at text,
    user_id blob not null,
    key_id blob,
    address text,
    reserved_tokens integer,
    reserved_cost integer
);

insert into lasting_attempts (id, turn_id, number, provider, model, input_tokens, output_tokens, cached_tokens, usage_source,
    cost, price_version, error_code, started_at, finished_at, user_id)
select a.id, a.turn_id, a.number, a.provider, a.model, a.input_tokens, a.output_tokens, a.cached_tokens, a.usage_source,
    a.cost, a.price_version, a.error_code, a.started_at, a.finished_at, t.user_id
from attempts a join turns t on t.id = a.turn_id;

drop table attempts;

alter table lasting_attempts rename to attempts;

create unique index attempts_in_order on attempts (turn_id, number);

create index attempts_by_user on attempts (user_id, turn_id);

create index attempts_by_key on attempts (key_id, turn_id) where key_id is not null;

create index attempts_by_address on attempts (address, turn_id) where address is not null;

create index attempts_with_address on attempts (turn_id) where address is not null;
