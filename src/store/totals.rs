//! Totals of users, conversations, messages and use, at a bounded cost.

use chrono::{DateTime, Utc};
use sqlx::FromRow;
use uuid::{Builder, Uuid};

use super::{Error, Pool, Store, Tx, on, with_timeout, within};
use crate::model::{MessageId, NanoUsd};

const SECONDS_OF_DAY: i64 = 24 * 60 * 60;

/// Up to so many are counted exactly on PostgreSQL; above it, its own estimate is near enough.
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

/// The sums of the daily totals.
#[derive(Clone, Copy, FromRow)]
struct Days {
    /// The last day in them, in days since 1970.
    last: Option<i64>,
    messages: i64,
}

impl Store {
    /// The present totals, and the use since a time.
    pub async fn totals(&self, since: DateTime<Utc>) -> Result<Totals, Error> {
        let days = self.days().await?;
        let query = "select \
                     (select count(*) from (select 1 from users where deleted_at is null limit $1) as counted) as users, \
                     (select count(*) from (select 1 from conversations where deleted_at is null limit $1) as counted) as conversations, \
                     (select count(*) from (select 1 from messages where id >= $3 limit $1) as counted) as messages, \
                     (select count(*) from turns where state = 'running') as turns_running, \
                     cast(coalesce(sum(input_tokens), 0) + coalesce(sum(output_tokens), 0) as bigint) as tokens, \
                     cast(coalesce(sum(cost), 0) as bigint) as cost from attempts where id >= $2";
        // SQLite's tables are counted by their smallest index; it has no estimate.
        let most = if self.is_sqlite() { i64::MAX } else { COUNTED + 1 };
        let (first, first_uncounted) =
            (first_id_of(since), days.last.map_or(Uuid::nil(), |last| first_id_of_day(last + 1)));
        let mut totals: Totals = on!(&self.pool, db => {
            sqlx::query_as(query).bind(most).bind(first).bind(first_uncounted).fetch_one(db).await?
        });
        for (count, kept_by) in [
            (&mut totals.users, "users"),
            (&mut totals.conversations, "conversations_by_user"),
            (&mut totals.messages, "messages"),
        ] {
            self.estimate(count, kept_by).await?;
        }
        totals.messages = totals.messages.max(days.messages + totals.messages.min(most));
        Ok(totals)
    }

    /// Replaces a count that has reached its maximum by PostgreSQL's own estimate.
    async fn estimate(&self, count: &mut i64, kept_by: &'static str) -> Result<(), Error> {
        let Pool::Postgres(pool) = &self.pool else { return Ok(()) };
        if *count <= COUNTED {
            return Ok(());
        }
        let query = "select cast(reltuples as bigint) from pg_class where oid = cast($1 as regclass)";
        let estimate = sqlx::query_scalar(query).bind(kept_by).fetch_one(pool);
        *count = (*count).max(with_timeout(async { Ok(estimate.await?) }).await?);
        Ok(())
    }

    async fn days(&self) -> Result<Days, Error> {
        let query = "select max(day) as last, cast(coalesce(sum(messages), 0) as bigint) as messages from daily_totals";
        Ok(on!(&self.pool, db => sqlx::query_as(query).fetch_one(db).await?))
    }

    /// Adds the days that are over to the daily totals, in one row. Not while a turn of one of them runs, whose reply
    /// is still to come.
    pub async fn add_daily_totals(&self, now: DateTime<Utc>) -> Result<(), Error> {
        let today = now.timestamp() / SECONDS_OF_DAY;
        let days = self.days().await?;
        if days.last == Some(today - 1) {
            return Ok(());
        }
        let query = "insert into daily_totals (day, messages) select $1, count(*) from messages where id >= $2 and id < $3 \
                     and not exists (select 1 from turns where state = 'running' and id < $3) having count(*) > 0 \
                     on conflict (day) do nothing";
        let first = days.last.map_or(Uuid::nil(), |last| first_id_of_day(last + 1));
        on!(&self.pool, db => {
            sqlx::query(query).bind(today - 1).bind(first).bind(first_id_of_day(today)).execute(db).await?;
        });
        Ok(())
    }
}

/// The lowest id of a time: ids begin with it, so those made since then sort after this one.
pub(super) fn first_id_of(time: DateTime<Utc>) -> Uuid {
    let millis = u64::try_from(time.timestamp_millis()).unwrap_or_default();
    Builder::from_unix_timestamp_millis(millis, &[0; 10]).into_uuid()
}

/// The first id of a day, in days since 1970.
fn first_id_of_day(day: i64) -> Uuid {
    DateTime::from_timestamp(day * SECONDS_OF_DAY, 0).map_or(Uuid::nil(), first_id_of)
}

/// The day on which a message was stored, in days since 1970.
pub(super) fn day_of(message: MessageId) -> i64 {
    let (bytes, mut millis) = (Uuid::from(message).into_bytes(), [0; 8]);
    millis[2..].copy_from_slice(&bytes[..6]);
    i64::from_be_bytes(millis) / (SECONDS_OF_DAY * 1000)
}

/// Takes deleted messages of a day from the totals, if that day is in them already.
pub(super) async fn subtract(tx: &mut Tx, day: i64, messages: i64) -> Result<(), Error> {
    let query = "update daily_totals set messages = messages - $2 \
                 where day = (select min(day) from daily_totals where day >= $1)";
    within!(tx, db => { sqlx::query(query).bind(day).bind(messages).execute(db).await?; });
    Ok(())
}
