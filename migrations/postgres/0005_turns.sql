-- One exchange: a message of the user, and the reply to it. `fence` grows with every owner; a write carries it.
create table turns (
    id uuid primary key not null,
    conversation_id uuid not null references conversations (id) on delete cascade,
    user_id uuid not null references users (id) on delete cascade,
    user_message_id uuid not null,
    assistant_message_id uuid not null,
    model text not null,
    state text not null check (state in ('running', 'completed', 'failed', 'cancelled', 'interrupted')),
    owner uuid not null,
    fence bigint not null,
    lease_until timestamptz not null,
    idempotency_key text,
    request_hash bytea,
    finish_reason text,
    error_code text,
    error_detail text,
    created_at timestamptz not null,
    finished_at timestamptz
);

create unique index turns_one_running on turns (conversation_id) where state = 'running';

create unique index turns_by_idempotency_key on turns (user_id, idempotency_key) where idempotency_key is not null;

create index turns_by_user on turns (user_id, id desc);
