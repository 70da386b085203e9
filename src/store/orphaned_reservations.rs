//! Queries to settle orphaned reservations: those in the database's counters, and what their turns have used.

use std::collections::HashMap;

use sqlx::FromRow;

use super::{Error, Pool, Store, on, with_timeout};
use crate::model::TurnId;

/// How many reservations are read at once.
const MAX_RESERVATIONS_READ: i64 = 500;

/// What a turn has used so far, over all its attempts.
#[derive(Clone, Copy, Debug, FromRow)]
pub struct Used {
    id: TurnId,
    pub has_ended: bool,
    pub tokens: i64,
    /// Nano-dollars.
    pub cost: i64,
}

macro_rules! used {
    ($which:literal) => {
        concat!(
            "select a.turn_id as id, coalesce(t.state <> 'running', true) as has_ended, \
             cast(coalesce(sum(a.input_tokens + a.output_tokens), 0) as bigint) as tokens, \
             cast(coalesce(sum(a.cost), 0) as bigint) as cost \
             from attempts a left join turns t on t.id = a.turn_id where a.turn_id ",
            $which,
            " group by a.turn_id, t.state"
        )
    };
}

impl Store {
    /// Subject and field of the reservations in the database's counters.
    pub async fn reservations(&self, now_us: i64) -> Result<Vec<(String, String)>, Error> {
        let query = "select subject, field from counters where substr(field, 1, 9) = 'reserved:' and expires_us > $1 \
                     order by subject, field limit $2";
        Ok(on!(&self.pool, db => sqlx::query_as(query).bind(now_us).bind(MAX_RESERVATIONS_READ).fetch_all(db).await?))
    }

    /// What these turns have used, also those of deleted accounts. One that was never stored is left out.
    pub async fn used(&self, turns: &[TurnId]) -> Result<HashMap<TurnId, Used>, Error> {
        let found: Vec<Used> = match &self.pool {
            Pool::Postgres(pool) => {
                let query = sqlx::query_as(used!("= any($1)")).bind(turns);
                with_timeout(async { Ok(query.fetch_all(pool).await?) }).await?
            }
            Pool::Sqlite(pool) => {
                let mut found = Vec::new();
                for turn in turns {
                    let query = sqlx::query_as(used!("= $1")).bind(turn);
                    let one: Option<Used> = with_timeout(async { Ok(query.fetch_optional(pool).await?) }).await?;
                    found.extend(one);
                }
                found
            }
        };
        Ok(found.into_iter().map(|used| (used.id, used)).collect())
    }
}
