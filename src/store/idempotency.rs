//! Idempotency keys of turns.

use chrono::{DateTime, Utc};
use sqlx::FromRow;

use super::{Error, Store, on};
use crate::model::{IdempotencyKey, TurnId, UserId};

/// The turn that a request with an idempotency key has started.
#[derive(FromRow)]
pub struct KeyedTurn {
    pub id: TurnId,
    pub request_hash: Vec<u8>,
    pub created_at: DateTime<Utc>,
}

impl Store {
    pub async fn keyed_turn(&self, user: UserId, key: &IdempotencyKey) -> Result<Option<KeyedTurn>, Error> {
        let query = "select id, request_hash, created_at from turns where user_id = $1 and idempotency_key = $2";
        Ok(on!(&self.pool, db => sqlx::query_as(query).bind(user).bind(key.as_str()).fetch_optional(db).await?))
    }

    /// Frees the key of a turn: the turn stays; another may be started under the key.
    pub async fn free_key(&self, turn: TurnId) -> Result<(), Error> {
        let query = "update turns set idempotency_key = null, request_hash = null where id = $1";
        on!(&self.pool, db => { sqlx::query(query).bind(turn).execute(db).await?; });
        Ok(())
    }

    /// Frees the keys of turns that began before `before`, some thousands at a time.
    pub async fn sweep_keys(&self, before: DateTime<Utc>) -> Result<(), Error> {
        let query = "update turns set idempotency_key = null, request_hash = null where id in \
                     (select id from turns where idempotency_key is not null and created_at < $1 order by created_at limit 5000)";
        on!(&self.pool, db => { sqlx::query(query).bind(before).execute(db).await?; });
        Ok(())
    }
}
