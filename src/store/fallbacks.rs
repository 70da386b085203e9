//! Declarations of processes that count in the database because Redis is unavailable, on the database's clock.

use std::time::Duration;

use super::{Error, Pool, Store, on, with_timeout};
use crate::{clock, model::InstanceId};

impl Store {
    /// Declares that the process may count in the database for this long.
    pub async fn declare_fallback(&self, instance: InstanceId, lasts: Duration) -> Result<(), Error> {
        let lasts_us = i64::try_from(lasts.as_micros()).unwrap_or(0);
        match &self.pool {
            Pool::Postgres(pool) => {
                let query = "insert into counter_fallbacks (instance, until_us) \
                             values ($1, cast(extract(epoch from clock_timestamp()) * 1000000 as bigint) + $2) \
                             on conflict (instance) do update set until_us = excluded.until_us";
                let declared = sqlx::query(query).bind(instance).bind(lasts_us).execute(pool);
                with_timeout(async { Ok(declared.await?) }).await?;
            }
            Pool::Sqlite(pool) => {
                let query = "insert into counter_fallbacks (instance, until_us) values ($1, $2) \
                             on conflict (instance) do update set until_us = excluded.until_us";
                let until_us = clock::now().timestamp_micros() + lasts_us;
                let declared = sqlx::query(query).bind(instance).bind(until_us).execute(pool);
                with_timeout(async { Ok(declared.await?) }).await?;
            }
        }
        Ok(())
    }

    /// How much longer any process may count in the database; `None` where none may.
    pub async fn declared_fallback(&self) -> Result<Option<Duration>, Error> {
        let left_us: Option<i64> = match &self.pool {
            Pool::Postgres(pool) => {
                let query = "select max(until_us) - cast(extract(epoch from clock_timestamp()) * 1000000 as bigint) \
                             from counter_fallbacks";
                let left = sqlx::query_scalar(query).fetch_one(pool);
                with_timeout(async { Ok(left.await?) }).await?
            }
            Pool::Sqlite(pool) => {
                let query = "select max(until_us) - $1 from counter_fallbacks";
                let left = sqlx::query_scalar(query).bind(clock::now().timestamp_micros()).fetch_one(pool);
                with_timeout(async { Ok(left.await?) }).await?
            }
        };
        Ok(left_us.and_then(|us| u64::try_from(us).ok()).filter(|us| *us > 0).map(Duration::from_micros))
    }

    /// Removes declarations that ended before `before`.
    pub async fn sweep_fallbacks(&self, before: chrono::DateTime<chrono::Utc>) -> Result<u64, Error> {
        let query = "delete from counter_fallbacks where until_us < $1";
        let before_us = before.timestamp_micros();
        Ok(on!(&self.pool, db => sqlx::query(query).bind(before_us).execute(db).await?.rows_affected()))
    }
}
