//! How much there is of everything, cheaply however much it is.

use sqlx::FromRow;
use uuid::{Builder, Uuid};

use super::{Error, Pool, Store, in_time, on};
use crate::model::NanoUsd;

/// Up to so many are counted one by one on PostgreSQL; above it, its own estimate is nearer than anybody needs.
const COUNTED: i64 = 100_000;

#[derive(Clone, Copy, Debug, FromRow)]
pub struct Totals {
    pub users: i64,
    /// Those that are not deleted.
    pub conversations: i64,
    pub messages: i64,
    pub turns_running: i64,
    pub tokens: i64,
    pub cost: NanoUsd,
}

impl Store {
    /// What there is now, and what was used since a time.
    pub async fn totals(&self, since: chrono::DateTime<chrono::Utc>) -> Result<Totals, Error> {
        let query = "select \
                     (select count(*) from (select 1 from users limit $1) as counted) as users, \
                     (select count(*) from (select 1 from conversations where deleted_at is null limit $1) as counted) as conversations, \
                     (select count(*) from (select 1 from messages limit $1) as counted) as messages, \
                     (select count(*) from turns where state = 'running') as turns_running, \
                     cast(coalesce(sum(input_tokens), 0) + coalesce(sum(output_tokens), 0) as bigint) as tokens, \
                     cast(coalesce(sum(cost), 0) as bigint) as cost from attempts where id >= $2";
        // SQLite's tables are counted by their smallest index; it knows no estimate.
        let most = if self.is_sqlite() { i64::MAX } else { COUNTED + 1 };
        let first = first_id_of(since);
        let mut totals: Totals =
            on!(&self.pool, db => sqlx::query_as(query).bind(most).bind(first).fetch_one(db).await?);
        if let Pool::Postgres(pool) = &self.pool {
            for (count, kept_by) in [
                (&mut totals.users, "users"),
                (&mut totals.conversations, "conversations_by_user"),
                (&mut totals.messages, "messages"),
            ] {
                if *count > COUNTED {
                    let query = "select cast(reltuples as bigint) from pg_class where oid = cast($1 as regclass)";
                    let estimate = sqlx::query_scalar(query).bind(kept_by).fetch_one(pool);
                    *count = (*count).max(in_time(async { Ok(estimate.await?) }).await?);
                }
            }
        }
        Ok(totals)
    }
}

/// Ids are made of the time, so those made since then come after this one.
fn first_id_of(time: chrono::DateTime<chrono::Utc>) -> Uuid {
    let millis = u64::try_from(time.timestamp_millis()).unwrap_or_default();
    Builder::from_unix_timestamp_millis(millis, &[0; 10]).into_uuid()
}
