//! How the database itself does, for those who run it.

use chrono::{DateTime, Utc};
use sqlx::FromRow;

use super::{Error, Pool, Store, in_time, on};

/// The connections a PostgreSQL server has to give.
#[derive(Clone, Copy, Debug, FromRow)]
pub struct Places {
    pub all: i64,
    /// Kept for the server's own administrators.
    pub reserved: i64,
    /// Used by others than this program, now.
    pub of_others: i64,
}

impl Store {
    /// The time as the database has it; SQLite's is this machine's.
    pub async fn clock(&self) -> Result<DateTime<Utc>, Error> {
        let Pool::Postgres(pool) = &self.pool else { return Ok(crate::clock::now()) };
        let query = sqlx::query_scalar("select clock_timestamp()").fetch_one(pool);
        in_time(async { Ok(query.await?) }).await
    }

    /// SQLite has as many as anybody wants.
    pub async fn places(&self) -> Result<Places, Error> {
        let Pool::Postgres(pool) = &self.pool else {
            return Ok(Places { all: i64::MAX, reserved: 0, of_others: 0 });
        };
        let query = "select cast(current_setting('max_connections') as bigint) as all, \
                     cast(current_setting('superuser_reserved_connections') as bigint) as reserved, \
                     (select count(*) from pg_stat_activity \
                      where backend_type = 'client backend' and application_name <> 'mcpchat') as of_others";
        in_time(async { Ok(sqlx::query_as(query).fetch_one(pool).await?) }).await
    }

    /// Of the running turns: how many there are, how many have not been renewed in time, and how many are leased beyond
    /// a time in the future.
    pub async fn running_leases(&self, now: DateTime<Utc>, beyond: DateTime<Utc>) -> Result<(i64, i64, i64), Error> {
        let query = "select count(*), coalesce(sum(case when lease_until < $1 then 1 else 0 end), 0), \
                     coalesce(sum(case when lease_until > $2 then 1 else 0 end), 0) from turns where state = 'running'";
        Ok(on!(&self.pool, db => sqlx::query_as(query).bind(now).bind(beyond).fetch_one(db).await?))
    }
}
