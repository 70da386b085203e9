//! Turn beginnings on PostgreSQL: one statement, one round trip, one commit for a batch. Each turn is one element of
//! every array.

use std::sync::Arc;

use sqlx::types::Json;

use super::{FIRST_FENCE, HISTORY_LIMIT, NewConversation, NewTurn, StartedRow};
use crate::{
    model::{Block, CountedInput},
    store::{Error, PgServer, with_timeout, write_batcher::LockWait},
};

/// A turn whose idempotency key is stored already is filtered out; where that key is stored concurrently,
/// `turns_by_idempotency_key` refuses the statement.
///
/// A turn that runs in the conversation already makes `continued` skip it; one that begins concurrently makes
/// `turns_one_running` refuse the statement.
///
/// `set_config` bounds the wait for locks: of rows, and of transactions that write the same keys.
///
/// `coalesce` and `offset 0` leave the planner no choice but the primary key and `turns_one_running`: a plan made while
/// the tables are empty is kept, and with another index reads all that has come since.
const BEGIN: &str = "\
with asked as materialized ( \
    select * from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::bool[], $5::text[], $6::text[], $7::text[], $8::uuid[], \
        $9::uuid[], $10::jsonb[], $11::uuid[], $12::uuid[], $13::timestamptz[], $14::timestamptz[], $18::text[], $19::bytea[], \
        $20::uuid[], $21::text[], $22::bigint[], $23::bigint[]) \
    as asked (turn_id, user_id, conversation_id, is_new, model, title, system_prompt, user_message_id, \
        assistant_message_id, content, attempt_id, owner, lease_until, now, idempotency_key, request_hash, \
        key_id, address, reserved_tokens, reserved_cost) \
    cross join (select set_config('lock_timeout', $24, true)) as bounded (lock_timeout) \
    where idempotency_key is null or not exists (select from turns \
        where turns.user_id = asked.user_id and turns.idempotency_key = asked.idempotency_key offset 0)), \
made as ( \
    insert into conversations (id, user_id, title, model, system_prompt, next_position, created_at, updated_at) \
    select conversation_id, user_id, title, model, system_prompt, 3, now, now from asked where is_new \
    returning id, title, model, system_prompt, created_at, updated_at), \
continued as ( \
    update conversations c set next_position = next_position + 2, updated_at = asked.now from asked \
    where not asked.is_new and c.id = asked.conversation_id and c.user_id = asked.user_id \
        and coalesce(c.deleted_at, 'infinity') = 'infinity' and coalesce(asked.model, c.model) = any($15) \
        and not exists (select from turns where turns.conversation_id = c.id and turns.state = 'running' offset 0) \
    returning asked.turn_id, c.id, c.title, c.model, c.system_prompt, c.created_at, c.updated_at, \
        c.next_position - 2 as position), \
claimed as ( \
    select asked.turn_id, made.*, 1::bigint as position from made join asked on asked.conversation_id = made.id \
    union all select * from continued), \
begun as ( \
    select claimed.*, coalesce(asked.model, claimed.model) as turn_model, asked.is_new, asked.user_id, asked.user_message_id, \
        asked.assistant_message_id, asked.content, asked.attempt_id, asked.owner, asked.lease_until, asked.now, asked.idempotency_key, asked.request_hash, \
        asked.key_id, asked.address, asked.reserved_tokens, asked.reserved_cost \
    from claimed join asked using (turn_id)), \
turn as ( \
    insert into turns (id, conversation_id, user_id, user_message_id, assistant_message_id, model, state, owner, fence, \
        lease_until, created_at, idempotency_key, request_hash) \
    select turn_id, id, user_id, user_message_id, assistant_message_id, turn_model, 'running', owner, $26::bigint, lease_until, now, \
        idempotency_key, request_hash \
    from begun), \
message as ( \
    insert into messages (id, conversation_id, turn_id, position, role, content, state, created_at) \
    select user_message_id, id, turn_id, position, 'user', content, 'complete', now from begun), \
attempt as ( \
    insert into attempts (id, turn_id, number, provider, model, started_at, user_id, key_id, address, reserved_tokens, reserved_cost) \
    select attempt_id, turn_id, 1, known.provider, turn_model, now, user_id, key_id, address, reserved_tokens, reserved_cost \
    from begun join unnest($15::text[], $16::text[]) as known (model, provider) on known.model = begun.turn_model) \
select turn_id, id, title, model, system_prompt, created_at, updated_at, position, turn_model, \
    case when is_new then '[]' else ( \
        select coalesce(jsonb_agg(jsonb_build_array(past.question, past.answer) order by past.position), '[]') \
        from (select q.position, q.content as question, a.content as answer \
              from messages q join messages a on a.turn_id = q.turn_id and a.role = 'assistant' \
              where q.conversation_id = begun.id and q.role = 'user' order by q.position desc limit $17) past) end as history, \
    case when is_new then '[]' else ( \
        select coalesce(jsonb_agg(jsonb_build_object('estimated', call.estimated_input, 'counted', call.counted, 'used', call.used, \
            'was_too_long', call.was_too_long) order by past.position desc, call.number desc), '[]') \
        from (select q.turn_id, q.position from messages q \
              where q.conversation_id = begun.id and q.role = 'user' order by q.position desc limit $25) past \
        cross join lateral (select a.number, a.estimated_input, a.input_tokens + a.output_tokens as used, \
              case when a.usage_source = 'provider' then a.input_tokens end as counted, \
              coalesce(a.error_code, '') = 'context_too_long' as was_too_long \
              from attempts a where a.turn_id = past.turn_id and a.model = begun.turn_model and a.estimated_input is not null \
              offset 0) call) end as counted \
from begun";

pub(super) async fn begin(server: &PgServer, batch: &[Arc<NewTurn>], wait: LockWait) -> Result<Vec<StartedRow>, Error> {
    let all = batch.iter();
    let made = |new: &Arc<NewTurn>| new.conversation.made().is_some();
    let title = |new: &Arc<NewTurn>| new.conversation.made().and_then(|made| made.title.clone());
    let system_prompt = |made: &NewConversation| made.system_prompt.clone();
    let content = |new: &Arc<NewTurn>| Json([Block::Text { text: new.content.clone() }]);
    let known = &batch.first().expect("a batch has a write").known;
    let query = sqlx::query_as(BEGIN)
        .bind(all.clone().map(|new| new.id).collect::<Vec<_>>())
        .bind(all.clone().map(|new| new.user_id).collect::<Vec<_>>())
        .bind(all.clone().map(|new| new.conversation.id()).collect::<Vec<_>>())
        .bind(all.clone().map(made).collect::<Vec<_>>())
        .bind(all.clone().map(|new| new.conversation.model().map(str::to_owned)).collect::<Vec<_>>())
        .bind(all.clone().map(title).collect::<Vec<_>>())
        .bind(all.clone().map(|new| new.conversation.made().and_then(system_prompt)).collect::<Vec<_>>())
        .bind(all.clone().map(|new| new.user_message_id).collect::<Vec<_>>())
        .bind(all.clone().map(|new| new.assistant_message_id).collect::<Vec<_>>())
        .bind(all.clone().map(content).collect::<Vec<_>>())
        .bind(all.clone().map(|new| new.attempt_id).collect::<Vec<_>>())
        .bind(all.clone().map(|new| new.owner).collect::<Vec<_>>())
        .bind(all.clone().map(|new| new.lease_until).collect::<Vec<_>>())
        .bind(all.clone().map(|new| new.now).collect::<Vec<_>>())
        .bind(&known.models)
        .bind(&known.providers)
        .bind(HISTORY_LIMIT)
        .bind(all.clone().map(|new| new.request.as_ref().map(|request| request.key.as_str())).collect::<Vec<_>>())
        .bind(all.clone().map(|new| new.request.as_ref().map(|request| request.hash.as_slice())).collect::<Vec<_>>())
        .bind(all.clone().map(|new| new.counted.key).collect::<Vec<_>>())
        .bind(all.clone().map(|new| new.counted.address.as_deref()).collect::<Vec<_>>())
        .bind(all.clone().map(|new| new.counted.reserved_tokens).collect::<Vec<_>>())
        .bind(all.map(|new| new.counted.reserved_cost).collect::<Vec<_>>())
        .bind(wait.lock_timeout())
        .bind(CountedInput::MESSAGES)
        .bind(FIRST_FENCE);
    with_timeout(async { Ok(query.fetch_all(server).await?) }).await
}
