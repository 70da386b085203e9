//! Turn ends on SQLite: one transaction for a batch.

use std::{collections::HashSet, sync::Arc};

use sqlx::{SqliteConnection, types::Json};

use super::{TurnEnd, end_attempt};
use crate::{
    model::{Block, FinishReason, TurnId},
    store::{Error, SqliteTx, Tx},
};

/// Ends the turns, and returns those that it has ended.
pub(super) async fn finish(mut tx: SqliteTx, batch: &[Arc<TurnEnd>]) -> Result<HashSet<TurnId>, Error> {
    let mut ended = HashSet::with_capacity(batch.len());
    let mut open = Vec::with_capacity(batch.len());
    for end in batch {
        if end_turn(&mut tx, end).await? {
            ended.insert(end.turn);
            open.push(end);
        } else if is_gone(&mut tx, end.turn).await? {
            open.push(end);
        }
    }
    let mut tx = Tx::Sqlite(tx);
    for end in open {
        end_attempt(&mut tx, &end.attempt, end.now).await?;
    }
    tx.commit().await?;
    Ok(ended)
}

/// Whether the turn is gone, with its account. Its use counts all the same.
async fn is_gone(tx: &mut SqliteConnection, turn: TurnId) -> Result<bool, Error> {
    let query = "select not exists (select 1 from turns where id = $1)";
    Ok(sqlx::query_scalar(query).bind(turn).fetch_one(&mut *tx).await?)
}

/// Writes the turn's end and its reply; `false` if the fence is not the turn's.
async fn end_turn(tx: &mut SqliteConnection, end: &TurnEnd) -> Result<bool, Error> {
    let query = "update turns set state = $3, finish_reason = $4, error_code = $5, error_detail = $6, finished_at = $7, \
                 draft = null, pieces = $8 \
                 where id = $1 and fence = $2 and state = 'running'";
    let ended = sqlx::query(query)
        .bind(end.turn)
        .bind(end.fence)
        .bind(end.state)
        .bind(end.finish_reason.map(FinishReason::as_str))
        .bind(end.error.as_ref().map(|error| &*error.code))
        .bind(end.error.as_ref().map(|error| &*error.detail))
        .bind(end.now)
        .bind(end.pieces.bytes())
        .execute(&mut *tx)
        .await?;
    if ended.rows_affected() == 0 {
        return Ok(false);
    }
    if let Some((text, state)) = &end.reply {
        let query = "insert into messages (id, conversation_id, turn_id, position, role, content, state, created_at) \
                     values ($1, $2, $3, $4, 'assistant', $5, $6, $7)";
        sqlx::query(query)
            .bind(end.message_id)
            .bind(end.conversation)
            .bind(end.turn)
            .bind(end.position)
            .bind(Json([Block::Text { text: String::from(&**text) }]))
            .bind(*state)
            .bind(end.now)
            .execute(&mut *tx)
            .await?;
    }
    Ok(true)
}
