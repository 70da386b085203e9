-- `content` is a list of blocks; `position` is the message's place in its conversation, from 1.
create table messages (
    id blob primary key not null,
    conversation_id blob not null references conversations (id) on delete cascade,
    turn_id blob not null references turns (id) on delete cascade,
    position integer not null,
    role text not null check (role in ('user', 'assistant')),
    content text not null,
    state text not null check (state in ('complete', 'partial')),
    created_at text not null
);

create unique index messages_in_order on messages (conversation_id, position);

create index messages_by_turn on messages (turn_id);
