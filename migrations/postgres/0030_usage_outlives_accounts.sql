-- What was used is counted by limits and in sums for as long as its window lasts, whatever becomes of account, conversation
-- and turn: an attempt stays when they go, with the ids it is counted by and no name. `address` is the subject of limits
-- (IPv6 by its /64), kept only where a rule counts addresses, and no longer than the longest window. `reserved_tokens` and
-- `reserved_cost` are the worst case that the running turn was admitted with.
alter table attempts drop constraint attempts_turn_id_fkey;

alter table attempts
    add column user_id uuid,
    add column key_id uuid,
    add column address text,
    add column reserved_tokens bigint,
    add column reserved_cost bigint;

update attempts set user_id = turns.user_id from turns where turns.id = attempts.turn_id;

alter table attempts alter column user_id set not null;

create index attempts_by_user on attempts (user_id, turn_id);

create index attempts_by_key on attempts (key_id, turn_id) where key_id is not null;

create index attempts_by_address on attempts (address, turn_id) where address is not null;

create index attempts_with_address on attempts (turn_id) where address is not null;
