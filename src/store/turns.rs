//! Turn queries, and cancellation requests.

use chrono::{DateTime, Utc};
use sqlx::FromRow;

use super::{Audited, Error, Store, on, within};
use crate::model::{
    ConversationId, FinishReason, InstanceId, MessageId, NanoUsd, Turn, TurnError, TurnId, TurnState, Usage,
    UsageSource, UserId,
};

#[derive(FromRow)]
pub(super) struct TurnRow {
    id: TurnId,
    conversation_id: ConversationId,
    user_message_id: MessageId,
    assistant_message_id: MessageId,
    model: String,
    state: TurnState,
    finish_reason: Option<FinishReason>,
    error_code: Option<String>,
    error_detail: Option<String>,
    provider: Option<String>,
    attempts: i64,
    created_at: DateTime<Utc>,
    finished_at: Option<DateTime<Utc>>,
    input_tokens: Option<i64>,
    output_tokens: Option<i64>,
    cached_tokens: Option<i64>,
    cost: Option<i64>,
    usage_source: Option<UsageSource>,
}

impl From<TurnRow> for Turn {
    fn from(row: TurnRow) -> Self {
        let count = |tokens: Option<i64>| tokens.map_or(0, i64::unsigned_abs);
        let usage = row.usage_source.map(|source| Usage {
            input_tokens: count(row.input_tokens),
            output_tokens: count(row.output_tokens),
            cached_tokens: count(row.cached_tokens),
            cost: NanoUsd(row.cost.unwrap_or_default()),
            source,
        });
        let error = row.error_code.map(|code| TurnError { code, detail: row.error_detail.unwrap_or_default() });
        Self {
            id: row.id,
            conversation_id: row.conversation_id,
            user_message_id: row.user_message_id,
            assistant_message_id: row.assistant_message_id,
            model: row.model,
            state: row.state,
            finish_reason: row.finish_reason,
            error,
            provider: row.provider.unwrap_or_default(),
            attempts: u32::try_from(row.attempts).unwrap_or(u32::MAX),
            usage,
            created_at: row.created_at,
            finished_at: row.finished_at,
        }
    }
}

/// The columns of a `TurnRow`. Every attempt counts; the usage source is that of the last attempt with one.
macro_rules! turn_columns {
    () => {
        "t.id, t.conversation_id, t.user_message_id, t.assistant_message_id, t.model, t.state, \
         t.finish_reason, t.error_code, t.error_detail, t.created_at, t.finished_at, \
         (select a.provider from attempts a where a.turn_id = t.id order by a.number desc limit 1) as provider, \
         (select count(*) from attempts a where a.turn_id = t.id) as attempts, \
         (select cast(sum(a.input_tokens) as bigint) from attempts a where a.turn_id = t.id) as input_tokens, \
         (select cast(sum(a.output_tokens) as bigint) from attempts a where a.turn_id = t.id) as output_tokens, \
         (select cast(sum(a.cached_tokens) as bigint) from attempts a where a.turn_id = t.id) as cached_tokens, \
         (select cast(sum(a.cost) as bigint) from attempts a where a.turn_id = t.id) as cost, \
         (select a.usage_source from attempts a where a.turn_id = t.id and a.usage_source is not null \
          order by a.number desc limit 1) as usage_source"
    };
}

pub(super) use turn_columns;

const REQUEST_CANCEL: &str = "update turns set cancel_requested_at = $2 \
                              where id = $1 and state = 'running' and cancel_requested_at is null";

impl Store {
    /// A user's turn, unless its conversation is deleted; without a user, any turn.
    pub async fn turn(&self, owner: Option<UserId>, id: TurnId) -> Result<Option<Turn>, Error> {
        let query = concat!(
            "select ",
            turn_columns!(),
            " from turns t join conversations c on c.id = t.conversation_id \
             where t.id = $1 and ($2 is null or (t.user_id = $2 and c.deleted_at is null))"
        );
        let row: Option<TurnRow> =
            on!(&self.pool, db => sqlx::query_as(query).bind(id).bind(owner).fetch_optional(db).await?);
        Ok(row.map(Turn::from))
    }

    /// Requests the cancellation of a running turn.
    pub async fn request_cancel(&self, id: TurnId, now: DateTime<Utc>) -> Result<(), Error> {
        on!(&self.pool, db => { sqlx::query(REQUEST_CANCEL).bind(id).bind(now).execute(db).await?; });
        Ok(())
    }

    /// The turns of an instance whose cancellation is requested.
    pub async fn cancel_requests(&self, owner: InstanceId) -> Result<Vec<TurnId>, Error> {
        let query = "select id from turns where owner = $1 and state = 'running' and cancel_requested_at is not null";
        Ok(on!(&self.pool, db => sqlx::query_scalar(query).bind(owner).fetch_all(db).await?))
    }
}

impl Audited {
    /// How many turns of a user are running.
    pub async fn running_turns_of(&mut self, user: UserId) -> Result<i64, Error> {
        let query = "select count(*) from turns where user_id = $1 and state = 'running'";
        Ok(within!(&mut self.tx, db => sqlx::query_scalar(query).bind(user).fetch_one(db).await?))
    }

    /// Requests the cancellation of a running turn; `false` if it was requested before, or the turn has ended.
    pub async fn request_cancel(&mut self, id: TurnId, now: DateTime<Utc>) -> Result<bool, Error> {
        Ok(within!(&mut self.tx, db => {
            sqlx::query(REQUEST_CANCEL).bind(id).bind(now).execute(db).await?.rows_affected() == 1
        }))
    }
}
