-- `next_position` is the position of the next message, from 1.
create table conversations (
    id blob primary key not null,
    user_id blob not null references users (id) on delete cascade,
    title text,
    model text not null,
    system_prompt text,
    next_position integer not null,
    created_at text not null,
    updated_at text not null,
    deleted_at text
);

create index conversations_by_user on conversations (user_id, updated_at desc, id desc) where deleted_at is null;
