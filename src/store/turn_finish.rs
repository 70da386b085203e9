//! Ending a turn: its state, its reply and its last attempt are written together, once, by whoever holds its fence. On
//! PostgreSQL this is one statement.

use chrono::{DateTime, Utc};
use sqlx::types::Json;

use super::{Error, Pool, Store, Tx, in_time, on, within};
use crate::model::{
    AttemptId, Block, ConversationId, FinishReason, MessageId, MessageState, TurnError, TurnId, TurnState, Usage,
};

/// How a turn ended.
pub struct TurnEnd<'a> {
    pub turn: TurnId,
    pub fence: i64,
    pub state: TurnState,
    pub finish_reason: Option<FinishReason>,
    pub error: Option<&'a TurnError>,
    pub conversation: ConversationId,
    pub message_id: MessageId,
    /// The reply's place in its conversation.
    pub position: i64,
    /// `None`: there is no reply to store.
    pub reply: Option<(&'a str, MessageState)>,
    pub attempt: AttemptEnd<'a>,
    pub now: DateTime<Utc>,
}

/// How a provider call ended. `usage` is `None` where nothing was used.
pub struct AttemptEnd<'a> {
    pub id: AttemptId,
    pub usage: Option<Usage>,
    pub price_version: Option<&'a str>,
    pub error_code: Option<&'a str>,
}

/// Another call for the same turn.
pub struct NewAttempt<'a> {
    pub id: AttemptId,
    pub turn: TurnId,
    pub number: u32,
    pub provider: &'a str,
    pub model: &'a str,
}

const END_TURN: &str = "update turns set state = $3, finish_reason = $4, error_code = $5, error_detail = $6, finished_at = $7 \
                        where id = $1 and fence = $2 and state = 'running'";

const END_ATTEMPT: &str = "update attempts set input_tokens = $2, output_tokens = $3, cached_tokens = $4, usage_source = $5, \
                           cost = $6, price_version = $7, error_code = $8, finished_at = $9 where id = $1 and finished_at is null";

impl Store {
    /// Writes the end; `false` if the turn has ended already or belongs to somebody else, and then changes nothing.
    pub async fn finish_turn(&self, end: &TurnEnd<'_>) -> Result<bool, Error> {
        match &self.pool {
            Pool::Postgres(pool) => {
                let query = finish_statement(end)
                    .bind(end.reply.map(|(text, _)| Json([Block::Text { text: text.to_owned() }])))
                    .bind(end.reply.map(|(_, state)| state.as_str()));
                in_time(async { Ok(query.fetch_one(pool).await? == 1) }).await
            }
            Pool::Sqlite(_) => self.finish_in_steps(end).await,
        }
    }

    async fn finish_in_steps(&self, end: &TurnEnd<'_>) -> Result<bool, Error> {
        let mut tx = self.begin().await?;
        let ended = within!(&mut tx, db => {
            sqlx::query(END_TURN)
                .bind(end.turn)
                .bind(end.fence)
                .bind(end.state)
                .bind(end.finish_reason.map(FinishReason::as_str))
                .bind(end.error.map(|error| &*error.code))
                .bind(end.error.map(|error| &*error.detail))
                .bind(end.now)
                .execute(db)
                .await?
                .rows_affected()
        });
        if ended == 0 {
            return Ok(false);
        }
        if let Some((text, state)) = end.reply {
            let query = "insert into messages (id, conversation_id, turn_id, position, role, content, state, created_at) \
                         values ($1, $2, $3, $4, 'assistant', $5, $6, $7)";
            within!(&mut tx, db => {
                sqlx::query(query)
                    .bind(end.message_id)
                    .bind(end.conversation)
                    .bind(end.turn)
                    .bind(end.position)
                    .bind(Json([Block::Text { text: text.to_owned() }]))
                    .bind(state)
                    .bind(end.now)
                    .execute(db)
                    .await?;
            });
        }
        end_attempt(&mut tx, &end.attempt, end.now).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Whether this very end is stored: for whoever wrote it and did not hear the answer.
    pub async fn has_ended_as(&self, end: &TurnEnd<'_>) -> Result<bool, Error> {
        let query = "select count(*) from turns where id = $1 and fence = $2 and state = $3";
        let found: i64 = on!(&self.pool, db => {
            sqlx::query_scalar(query).bind(end.turn).bind(end.fence).bind(end.state).fetch_one(db).await?
        });
        Ok(found == 1)
    }

    /// Settles a failed attempt and writes down the next, before its call.
    pub async fn next_attempt(
        &self,
        failed: &AttemptEnd<'_>,
        next: &NewAttempt<'_>,
        now: DateTime<Utc>,
    ) -> Result<(), Error> {
        let mut tx = self.begin().await?;
        end_attempt(&mut tx, failed, now).await?;
        let query =
            "insert into attempts (id, turn_id, number, provider, model, started_at) values ($1, $2, $3, $4, $5, $6)";
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
        tx.commit().await
    }
}

/// The whole end as one statement of PostgreSQL; $18 and $19 are the reply, still to be bound.
fn finish_statement<'q>(
    end: &'q TurnEnd<'_>,
) -> sqlx::query::QueryScalar<'q, sqlx::Postgres, i64, sqlx::postgres::PgArguments> {
    let usage = end.attempt.usage;
    sqlx::query_scalar(
        "with turn as ( \
            update turns set state = $3, finish_reason = $4, error_code = $5, error_detail = $6, finished_at = $7 \
            where id = $1 and fence = $2 and state = 'running' returning id, conversation_id), \
         message as ( \
            insert into messages (id, conversation_id, turn_id, position, role, content, state, created_at) \
            select $8, conversation_id, id, $9, 'assistant', $18, $19, $7 from turn where $18 is not null), \
         attempt as ( \
            update attempts set input_tokens = $11, output_tokens = $12, cached_tokens = $13, usage_source = $14, cost = $15, \
                price_version = $16, error_code = $17, finished_at = $7 \
            from turn where attempts.id = $10 and attempts.finished_at is null) \
         select count(*) from turn",
    )
    .bind(end.turn)
    .bind(end.fence)
    .bind(end.state)
    .bind(end.finish_reason.map(FinishReason::as_str))
    .bind(end.error.map(|error| &*error.code))
    .bind(end.error.map(|error| &*error.detail))
    .bind(end.now)
    .bind(end.message_id)
    .bind(end.position)
    .bind(end.attempt.id)
    .bind(usage.map(|usage| tokens(usage.input_tokens)))
    .bind(usage.map(|usage| tokens(usage.output_tokens)))
    .bind(usage.map(|usage| tokens(usage.cached_tokens)))
    .bind(usage.map(|usage| usage.source.as_str()))
    .bind(usage.map(|usage| usage.cost))
    .bind(end.attempt.price_version)
    .bind(end.attempt.error_code)
}

async fn end_attempt(tx: &mut Tx, end: &AttemptEnd<'_>, now: DateTime<Utc>) -> Result<(), Error> {
    within!(tx, db => {
        sqlx::query(END_ATTEMPT)
            .bind(end.id)
            .bind(end.usage.map(|usage| tokens(usage.input_tokens)))
            .bind(end.usage.map(|usage| tokens(usage.output_tokens)))
            .bind(end.usage.map(|usage| tokens(usage.cached_tokens)))
            .bind(end.usage.map(|usage| usage.source.as_str()))
            .bind(end.usage.map(|usage| usage.cost))
            .bind(end.price_version)
            .bind(end.error_code)
            .bind(now)
            .execute(db)
            .await?;
    });
    Ok(())
}

fn tokens(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
