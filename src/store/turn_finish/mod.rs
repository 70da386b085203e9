//! Turn ends: the state, the reply and the last attempt of each are written together, once, by the holder of its fence.
//! Turns that end at the same moment share one write (`write_batcher`), as those that begin do.

mod postgres;
mod sqlite;

use std::{collections::HashSet, sync::Arc};

use chrono::{DateTime, Utc};

use super::{Error, Pool, Store, Tx, Writer, on, within, write_batcher::LockWait};
use crate::model::{
    AttemptId, ConversationId, FinishReason, MessageId, MessageState, Pieces, TurnError, TurnId, TurnState, Usage,
};

/// How a turn ended.
#[derive(Clone)]
pub struct TurnEnd {
    pub turn: TurnId,
    pub fence: i64,
    pub state: TurnState,
    pub finish_reason: Option<FinishReason>,
    pub error: Option<TurnError>,
    pub conversation: ConversationId,
    pub message_id: MessageId,
    /// The reply's position in its conversation.
    pub position: i64,
    /// `None`: there is no reply to store.
    pub reply: Option<(Arc<str>, MessageState)>,
    /// The event boundaries of the reply.
    pub pieces: Pieces,
    pub attempt: AttemptEnd,
    pub now: DateTime<Utc>,
}

/// How a provider call ended. `usage` is `None` where nothing was used.
#[derive(Clone)]
pub struct AttemptEnd {
    pub id: AttemptId,
    pub usage: Option<Usage>,
    /// Our estimate of its input; `None` where it is not known.
    pub estimated_input: Option<u64>,
    pub price_version: Option<Arc<str>>,
    pub error_code: Option<String>,
    /// The internal cause, which users do not see.
    pub error_cause: Option<String>,
}

/// Another call for the same turn.
pub struct NewAttempt<'a> {
    pub id: AttemptId,
    pub turn: TurnId,
    pub fence: i64,
    pub number: u32,
    pub provider: &'a str,
    pub model: &'a str,
}

const END_ATTEMPT: &str = "update attempts set input_tokens = $2, output_tokens = $3, cached_tokens = $4, usage_source = $5, \
                           cost = $6, price_version = $7, error_code = $8, finished_at = $9, error_cause = $10, \
                           estimated_input = $11 \
                           where id = $1 and finished_at is null";

/// Ends a batch of turns; each result at its turn's index.
pub(super) async fn finish_batch(
    pool: Pool,
    writer: Writer,
    batch: Vec<Arc<TurnEnd>>,
    wait: LockWait,
) -> Result<Vec<bool>, Error> {
    let ended: HashSet<TurnId> = match &pool {
        Pool::Postgres(pool) => postgres::finish(pool, &batch, wait).await?,
        Pool::Sqlite(pool) => sqlite::finish(writer.begin(pool).await?, &batch).await?,
    };
    Ok(batch.iter().map(|end| ended.contains(&end.turn)).collect())
}

impl Store {
    /// Writes the end; `false`, without a change, if the turn has ended already or has another owner.
    pub async fn finish_turn(&self, end: TurnEnd) -> Result<bool, Error> {
        self.endings.write(end).await
    }

    /// Whether this very end is stored: for a caller that got no response to its write.
    pub async fn has_ended_as(&self, end: &TurnEnd) -> Result<bool, Error> {
        let query = "select count(*) from turns where id = $1 and fence = $2 and state = $3";
        let found: i64 = on!(&self.pool, db => {
            sqlx::query_scalar(query).bind(end.turn).bind(end.fence).bind(end.state).fetch_one(db).await?
        });
        Ok(found == 1)
    }

    /// Settles a failed attempt and stores the next, before its call; `false`, without a change, if the turn has ended
    /// already or has another owner.
    pub async fn next_attempt(
        &self,
        failed: &AttemptEnd,
        next: &NewAttempt<'_>,
        now: DateTime<Utc>,
    ) -> Result<bool, Error> {
        let mut tx = self.begin().await?;
        // A write, so that no other process takes the turn over meanwhile.
        let hold = "update turns set fence = fence where id = $1 and fence = $2 and finished_at is null";
        let held = within!(&mut tx, db => {
            sqlx::query(hold).bind(next.turn).bind(next.fence).execute(db).await?.rows_affected()
        });
        if held == 0 {
            return Ok(false);
        }
        end_attempt(&mut tx, failed, now).await?;
        let query = "insert into attempts (id, turn_id, number, provider, model, started_at, user_id, key_id, address) \
                     select $1, $2, $3, $4, $5, $6, user_id, key_id, address from attempts where turn_id = $2 and number = 1";
        within!(&mut tx, db => {
            sqlx::query(query)
                .bind(next.id)
                .bind(next.turn)
                .bind(i64::from(next.number))
                .bind(next.provider)
                .bind(next.model)
                .bind(now)
                .execute(db)
                .await?;
        });
        tx.commit().await?;
        Ok(true)
    }
}

async fn end_attempt(tx: &mut Tx, end: &AttemptEnd, now: DateTime<Utc>) -> Result<(), Error> {
    within!(tx, db => {
        sqlx::query(END_ATTEMPT)
            .bind(end.id)
            .bind(end.usage.map(|usage| tokens(usage.input_tokens)))
            .bind(end.usage.map(|usage| tokens(usage.output_tokens)))
            .bind(end.usage.map(|usage| tokens(usage.cached_tokens)))
            .bind(end.usage.map(|usage| usage.source.as_str()))
            .bind(end.usage.map(|usage| usage.cost))
            .bind(end.price_version.as_deref())
            .bind(end.error_code.as_deref())
            .bind(now)
            .bind(end.error_cause.as_deref())
            .bind(end.estimated_input.map(tokens))
            .execute(db)
            .await?;
    });
    Ok(())
}

fn tokens(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
