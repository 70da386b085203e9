-- One row per provider call, written before the call and settled once after it. Cost in nano-dollars.
--
-- Usage is counted by limits and in sums for as long as its window lasts, also when the account, the conversation or the turn
-- is deleted: so no column is a foreign key, and a row keeps the ids it is counted by, and no name. `address` is the subject of
-- limits (IPv6 by its /64), stored only where a rule counts addresses, and no longer than the longest window.
--
-- `estimated_input` is our estimate of the call's input tokens: compared with the provider's count it shows the error of our
-- estimates. `reserved_tokens` and `reserved_cost` are the worst case that the running turn was admitted with. `error_cause` is
-- where and why the call failed, in the provider's words, for operators.
create table attempts (
    id blob primary key not null,
    turn_id blob not null,
    user_id blob not null,
    key_id blob,
    address text,
    number integer not null,
    provider text not null,
    model text not null,
    estimated_input integer,
    reserved_tokens integer,
    reserved_cost integer,
    input_tokens integer,
    output_tokens integer,
    cached_tokens integer,
    usage_source text check (usage_source in ('provider', 'estimated', 'partial')),
    cost integer,
    price_version text,
    error_code text,
    error_cause text,
    started_at text not null,
    finished_at text
);

create unique index attempts_in_order on attempts (turn_id, number);

create index attempts_by_user on attempts (user_id, turn_id);

create index attempts_by_key on attempts (key_id, turn_id) where key_id is not null;

create index attempts_by_address on attempts (address, turn_id) where address is not null;

create index attempts_with_address on attempts (turn_id) where address is not null;
