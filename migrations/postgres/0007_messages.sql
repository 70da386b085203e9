-- `content` is a list of blocks; `position` is the message's place in its conversation, from 1.
create table messages (
    id uuid primary key not null,
    conversation_id uuid not null references conversations (id) on delete cascade,
    turn_id uuid not null references turns (id) on delete cascade,
    position bigint not null,
    role text not null check (role in ('user', 'assistant')),
    content jsonb not null,
    state text not null check (state in ('complete', 'partial')),
    created_at timestamptz not null
);

create unique index messages_in_order on messages (conversation_id, position);

create index messages_by_turn on messages (turn_id);
