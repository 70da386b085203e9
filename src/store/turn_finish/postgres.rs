//! Turn ends on PostgreSQL: one statement for a batch. Each turn is one element of every array.

use std::{collections::HashSet, sync::Arc};

use sqlx::types::Json;

use super::{TurnEnd, tokens};
use crate::{
    model::{Block, FinishReason, TurnId, Usage},
    store::{Error, PgServer, with_timeout, write_batcher::LockWait},
};

/// `set_config` bounds the wait for locks.
///
/// An attempt whose turn is gone, with its account, is ended all the same: its use counts.
///
/// A turn runs while it has no `finished_at`. Filtered by state, the planner may scan the whole index of running turns,
/// where under load nearly all entries are of turns that have ended.
const FINISH: &str = "\
with told as materialized ( \
    select * from unnest($1::uuid[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::timestamptz[], \
        $8::uuid[], $9::bigint[], $10::jsonb[], $11::text[], $12::uuid[], $13::bigint[], $14::bigint[], $15::bigint[], \
        $16::text[], $17::bigint[], $18::text[], $19::text[], $20::bytea[], $21::text[], $23::bigint[]) \
    as told (turn_id, fence, state, finish_reason, error_code, error_detail, now, message_id, position, content, \
        message_state, attempt_id, input_tokens, output_tokens, cached_tokens, usage_source, cost, price_version, \
        attempt_error, pieces, attempt_cause, estimated_input) \
    cross join (select set_config('lock_timeout', $22, true)) as bounded (lock_timeout)), \
turn as ( \
    update turns set state = told.state, finish_reason = told.finish_reason, error_code = told.error_code, \
        error_detail = told.error_detail, finished_at = told.now, draft = null, pieces = told.pieces \
    from told where turns.id = told.turn_id and turns.fence = told.fence and turns.finished_at is null \
    returning turns.id, turns.conversation_id), \
message as ( \
    insert into messages (id, conversation_id, turn_id, position, role, content, state, created_at) \
    select message_id, conversation_id, turn_id, position, 'assistant', content, message_state, now \
    from turn join told on turn.id = told.turn_id where content is not null), \
attempt as ( \
    update attempts set input_tokens = told.input_tokens, output_tokens = told.output_tokens, \
        cached_tokens = told.cached_tokens, usage_source = told.usage_source, cost = told.cost, \
        price_version = told.price_version, error_code = told.attempt_error, error_cause = told.attempt_cause, \
        finished_at = told.now, estimated_input = told.estimated_input \
    from told left join turn on turn.id = told.turn_id \
    where attempts.id = told.attempt_id and attempts.finished_at is null \
        and (turn.id is not null or not exists (select from turns where turns.id = told.turn_id offset 0))) \
select id from turn";

/// Ends the turns, and returns those that it has ended.
pub(super) async fn finish(
    server: &PgServer,
    batch: &[Arc<TurnEnd>],
    wait: LockWait,
) -> Result<HashSet<TurnId>, Error> {
    let all = batch.iter();
    let used = |count: fn(Usage) -> i64| all.clone().map(|end| end.attempt.usage.map(count)).collect::<Vec<_>>();
    let content =
        |end: &Arc<TurnEnd>| end.reply.as_ref().map(|(text, _)| Json([Block::Text { text: String::from(&**text) }]));
    let query = sqlx::query_scalar(FINISH)
        .bind(all.clone().map(|end| end.turn).collect::<Vec<_>>())
        .bind(all.clone().map(|end| end.fence).collect::<Vec<_>>())
        .bind(all.clone().map(|end| end.state.as_str()).collect::<Vec<_>>())
        .bind(all.clone().map(|end| end.finish_reason.map(FinishReason::as_str)).collect::<Vec<_>>())
        .bind(all.clone().map(|end| end.error.as_ref().map(|error| error.code.clone())).collect::<Vec<_>>())
        .bind(all.clone().map(|end| end.error.as_ref().map(|error| error.detail.clone())).collect::<Vec<_>>())
        .bind(all.clone().map(|end| end.now).collect::<Vec<_>>())
        .bind(all.clone().map(|end| end.message_id).collect::<Vec<_>>())
        .bind(all.clone().map(|end| end.position).collect::<Vec<_>>())
        .bind(all.clone().map(content).collect::<Vec<_>>())
        .bind(all.clone().map(|end| end.reply.as_ref().map(|(_, state)| state.as_str())).collect::<Vec<_>>())
        .bind(all.clone().map(|end| end.attempt.id).collect::<Vec<_>>())
        .bind(used(|usage| tokens(usage.input_tokens)))
        .bind(used(|usage| tokens(usage.output_tokens)))
        .bind(used(|usage| tokens(usage.cached_tokens)))
        .bind(all.clone().map(|end| end.attempt.usage.map(|usage| usage.source.as_str())).collect::<Vec<_>>())
        .bind(used(|usage| usage.cost.0))
        .bind(all.clone().map(|end| end.attempt.price_version.as_deref()).collect::<Vec<_>>())
        .bind(all.clone().map(|end| end.attempt.error_code.as_deref()).collect::<Vec<_>>())
        .bind(all.clone().map(|end| end.pieces.bytes()).collect::<Vec<_>>())
        .bind(all.clone().map(|end| end.attempt.error_cause.as_deref()).collect::<Vec<_>>())
        .bind(wait.lock_timeout())
        .bind(all.map(|end| end.attempt.estimated_input.map(tokens)).collect::<Vec<_>>());
    with_timeout(async { Ok(query.fetch_all(server).await?.into_iter().collect()) }).await
}
