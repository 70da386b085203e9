//! Turn beginnings on SQLite: one transaction, and so one flush to the disk, for a batch.

use std::sync::Arc;

use sqlx::{FromRow, SqliteConnection, types::Json};

use super::{FIRST_FENCE, HISTORY_LIMIT, NewTurn, StartedRow, TargetConversation};
use crate::{
    model::{Block, Conversation, ConversationId, CountedInput},
    store::{
        Error, SqliteTx, Tx,
        counted_inputs::{COUNTED_INPUTS, CountedRow},
    },
};

/// A message's content as it is stored.
type Blocks = Json<Vec<Block>>;

pub(super) async fn begin(mut tx: SqliteTx, batch: &[Arc<NewTurn>]) -> Result<Vec<StartedRow>, Error> {
    let mut started = Vec::with_capacity(batch.len());
    for new in batch {
        started.extend(begin_one(&mut tx, new).await?);
    }
    Tx::Sqlite(tx).commit().await?;
    Ok(started)
}

async fn begin_one(tx: &mut SqliteConnection, new: &NewTurn) -> Result<Option<StartedRow>, Error> {
    if is_repeated(tx, new).await? {
        return Ok(None);
    }
    let Some(claimed) = claim_conversation(tx, new).await? else { return Ok(None) };
    let (history, counted) = match new.conversation {
        TargetConversation::New(_) => (Vec::new(), Vec::new()),
        TargetConversation::In { id, .. } => {
            (past_exchanges(tx, id).await?, counted_inputs(tx, id, &claimed.turn_model).await?)
        }
    };
    write_turn(tx, new, &claimed).await?;
    let ClaimedRow { conversation, turn_model, position } = claimed;
    Ok(Some(StartedRow {
        turn_id: new.id,
        conversation,
        turn_model,
        position,
        history: Json(history),
        counted: Json(counted),
    }))
}

/// Whether its idempotency key is there already. Until this transaction ends no other can write it.
async fn is_repeated(tx: &mut SqliteConnection, new: &NewTurn) -> Result<bool, Error> {
    let Some(request) = &new.request else { return Ok(false) };
    let query = "select exists (select 1 from turns where user_id = $1 and idempotency_key = $2)";
    Ok(sqlx::query_scalar(query).bind(new.user_id).bind(request.key.as_str()).fetch_one(&mut *tx).await?)
}

#[derive(FromRow)]
struct ClaimedRow {
    #[sqlx(flatten)]
    conversation: Conversation,
    turn_model: String,
    position: i64,
}

async fn claim_conversation(tx: &mut SqliteConnection, new: &NewTurn) -> Result<Option<ClaimedRow>, Error> {
    let row = match &new.conversation {
        TargetConversation::New(made) => {
            sqlx::query_as(
                "insert into conversations (id, user_id, title, model, system_prompt, next_position, created_at, updated_at) \
                 values ($1, $2, $3, $4, $5, 3, $6, $6) \
                 returning id, title, model, system_prompt, created_at, updated_at, model as turn_model, next_position - 2 as position",
            )
            .bind(made.id)
            .bind(new.user_id)
            .bind(&made.title)
            .bind(&made.model)
            .bind(&made.system_prompt)
            .bind(new.now)
            .fetch_optional(&mut *tx)
            .await?
        }
        TargetConversation::In { id, model } => {
            sqlx::query_as(
                "update conversations set next_position = next_position + 2, updated_at = $3 \
                 where id = $1 and user_id = $2 and deleted_at is null \
                 and coalesce($4, model) in (select value from json_each($5)) \
                 and not exists (select 1 from turns where turns.conversation_id = conversations.id and turns.state = 'running') \
                 returning id, title, model, system_prompt, created_at, updated_at, coalesce($4, model) as turn_model, \
                 next_position - 2 as position",
            )
            .bind(id)
            .bind(new.user_id)
            .bind(new.now)
            .bind(model)
            .bind(Json(&new.known.models))
            .fetch_optional(&mut *tx)
            .await?
        }
    };
    Ok(row)
}

async fn past_exchanges(
    tx: &mut SqliteConnection,
    conversation: ConversationId,
) -> Result<Vec<(Vec<Block>, Vec<Block>)>, Error> {
    let query = "select q.content, a.content from messages q join messages a on a.turn_id = q.turn_id and a.role = 'assistant' \
                 where q.conversation_id = $1 and q.role = 'user' order by q.position desc limit $2";
    let rows: Vec<(Blocks, Blocks)> =
        sqlx::query_as(query).bind(conversation).bind(HISTORY_LIMIT).fetch_all(&mut *tx).await?;
    Ok(rows.into_iter().rev().map(|(question, answer)| (question.0, answer.0)).collect())
}

async fn counted_inputs(
    tx: &mut SqliteConnection,
    conversation: ConversationId,
    model: &str,
) -> Result<Vec<CountedInput>, Error> {
    let query = sqlx::query_as(COUNTED_INPUTS).bind(conversation).bind(model).bind(CountedInput::MESSAGES);
    let rows: Vec<CountedRow> = query.fetch_all(&mut *tx).await?;
    Ok(rows.into_iter().map(CountedInput::from).collect())
}

async fn write_turn(tx: &mut SqliteConnection, new: &NewTurn, claimed: &ClaimedRow) -> Result<(), Error> {
    sqlx::query(
        "insert into turns (id, conversation_id, user_id, user_message_id, assistant_message_id, model, state, owner, fence, lease_until, created_at, \
         idempotency_key, request_hash) values ($1, $2, $3, $4, $5, $6, 'running', $7, $12, $8, $9, $10, $11)",
    )
    .bind(new.id)
    .bind(claimed.conversation.id)
    .bind(new.user_id)
    .bind(new.user_message_id)
    .bind(new.assistant_message_id)
    .bind(&claimed.turn_model)
    .bind(new.owner)
    .bind(new.lease_until)
    .bind(new.now)
    .bind(new.request.as_ref().map(|request| request.key.as_str()))
    .bind(new.request.as_ref().map(|request| request.hash.as_slice()))
    .bind(FIRST_FENCE)
    .execute(&mut *tx)
    .await?;
    sqlx::query(
        "insert into messages (id, conversation_id, turn_id, position, role, content, state, created_at) \
         values ($1, $2, $3, $4, 'user', $5, 'complete', $6)",
    )
    .bind(new.user_message_id)
    .bind(claimed.conversation.id)
    .bind(new.id)
    .bind(claimed.position)
    .bind(Json([Block::Text { text: new.content.clone() }]))
    .bind(new.now)
    .execute(&mut *tx)
    .await?;
    let known = &new.known;
    let provider =
        known.models.iter().position(|model| *model == claimed.turn_model).map(|place| known.providers[place].as_str());
    sqlx::query(
        "insert into attempts (id, turn_id, number, provider, model, started_at, user_id, key_id, address, reserved_tokens, reserved_cost) \
         values ($1, $2, 1, $3, $4, $5, $6, $7, $8, $9, $10)",
    )
    .bind(new.attempt_id)
    .bind(new.id)
    .bind(provider)
    .bind(&claimed.turn_model)
    .bind(new.now)
    .bind(new.user_id)
    .bind(new.counted.key)
    .bind(&new.counted.address)
    .bind(new.counted.reserved_tokens)
    .bind(new.counted.reserved_cost)
    .execute(&mut *tx)
    .await?;
    Ok(())
}
