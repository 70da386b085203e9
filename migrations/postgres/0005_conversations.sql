-- `next_position` is the position of the next message, from 1.
create table conversations (
    id uuid primary key not null,
    user_id uuid not null references users (id) on delete cascade,
    title text,
    model text not null,
    system_prompt text,
    next_position bigint not null,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    deleted_at timestamptz
);

create index conversations_by_user on conversations (user_id, updated_at desc, id desc) where deleted_at is null;
