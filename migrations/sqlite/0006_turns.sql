-- One exchange: a message of the user, and the reply to it. `fence` grows with every owner; a write carries it.
-- `cancel_requested_at` asks the owner, which polls for it, to end a running turn. `draft` is the part of a running turn's
-- reply that is stored so far; `pieces` is how the reply was cut into events (the length of each, encoded by `model::Pieces`).
-- These two can be long and stand last, so that SQLite reads the other columns without them.
create table turns (
    id blob primary key not null,
    conversation_id blob not null references conversations (id) on delete cascade,
    user_id blob not null references users (id) on delete cascade,
    user_message_id blob not null,
    assistant_message_id blob not null,
    model text not null,
    state text not null check (state in ('running', 'completed', 'failed', 'cancelled', 'interrupted')),
    owner blob not null,
    fence integer not null,
    lease_until text not null,
    cancel_requested_at text,
    idempotency_key text,
    request_hash blob,
    finish_reason text,
    error_code text,
    error_detail text,
    created_at text not null,
    finished_at text,
    draft text,
    pieces blob
);

create unique index turns_one_running on turns (conversation_id) where state = 'running';

create unique index turns_by_idempotency_key on turns (user_id, idempotency_key) where idempotency_key is not null;

create index turns_by_user on turns (user_id, id desc);

-- Deleting an account deletes its conversations, and each of them its turns: without this index, by reading all turns.
create index turns_by_conversation on turns (conversation_id);

-- Administrators search for these among millions that were completed.
create index turns_that_ended_badly on turns (state, id) where state in ('failed', 'cancelled', 'interrupted');

create index turns_to_cancel on turns (owner) where state = 'running' and cancel_requested_at is not null;

-- Finds the idempotency keys that have expired. A turn without a key is not in it.
create index turns_by_key_age on turns (created_at) where idempotency_key is not null;
