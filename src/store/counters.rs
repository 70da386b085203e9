//! The counters' embedded home: rows of (subject, field, value, expiry), changed by a pure function inside one
//! transaction, on the database's clock. What they mean is decided by the caller.

use std::collections::BTreeMap;

use sqlx::FromRow;

use super::{Error, Store, Tx, on, within};
use crate::model::{Counter, Counters};

#[derive(FromRow)]
struct CounterRow {
    subject: String,
    field: String,
    value: i64,
    expires_us: i64,
}

impl Store {
    /// Loads the counters of the subjects, lets `change` work on them, and writes what it changed; all in one
    /// transaction that excludes every other change of the same subjects.
    pub async fn change_counters<R>(
        &self,
        subjects: &[String],
        change: impl FnOnce(i64, &mut Counters) -> R,
    ) -> Result<R, Error> {
        let mut tx = self.begin().await?;
        lock_subjects(&mut tx, subjects).await?;
        let now_us = database_time(&mut tx).await?;
        let before = load(&mut tx, subjects, now_us).await?;
        let mut after = before.clone();
        let outcome = change(now_us, &mut after);
        write_changes(&mut tx, &before, &after).await?;
        tx.commit().await?;
        Ok(outcome)
    }

    /// The counters of the subjects as they are, and the database's time in microseconds.
    pub async fn counters(&self, subjects: &[String]) -> Result<(i64, Counters), Error> {
        let mut tx = self.begin().await?;
        let now_us = database_time(&mut tx).await?;
        Ok((now_us, load(&mut tx, subjects, now_us).await?))
    }

    /// Removes all counters of a subject, or of everybody, and tells how many subjects had some.
    pub async fn reset_counters(&self, subject: Option<&str>) -> Result<u64, Error> {
        let query = "delete from counters where $1 is null or subject = $1 returning subject";
        let mut gone: Vec<String> = on!(&self.pool, db => sqlx::query_scalar(query).bind(subject).fetch_all(db).await?);
        gone.sort_unstable();
        gone.dedup();
        Ok(gone.len() as u64)
    }

    /// Removes what no longer means anything.
    pub async fn sweep_counters(&self, now_us: i64) -> Result<u64, Error> {
        let query = "delete from counters where expires_us <= $1";
        Ok(on!(&self.pool, db => sqlx::query(query).bind(now_us).execute(db).await?.rows_affected()))
    }
}

/// In order, so that two requests cannot wait for each other. SQLite has one writer anyway.
async fn lock_subjects(tx: &mut Tx, subjects: &[String]) -> Result<(), Error> {
    if let Tx::Postgres(tx) = tx {
        let query = "select count(pg_advisory_xact_lock(hashtextextended('mcpchat.counters.' || subject, 0))) \
                     from (select distinct subject from unnest($1::text[]) as given (subject) order by subject) as ordered";
        sqlx::query(query).bind(subjects).execute(&mut **tx).await?;
    }
    Ok(())
}

async fn database_time(tx: &mut Tx) -> Result<i64, Error> {
    Ok(match tx {
        Tx::Postgres(tx) => {
            sqlx::query_scalar("select cast(extract(epoch from clock_timestamp()) * 1000000 as bigint)")
                .fetch_one(&mut **tx)
                .await?
        }
        // SQLite has no clock but this machine's.
        Tx::Sqlite(_) => crate::clock::now().timestamp_micros(),
    })
}

async fn load(tx: &mut Tx, subjects: &[String], now_us: i64) -> Result<Counters, Error> {
    let query = "select subject, field, value, expires_us from counters where subject = $1 and expires_us > $2";
    let mut counters = Counters::new();
    for subject in subjects {
        let rows: Vec<CounterRow> =
            within!(&mut *tx, db => sqlx::query_as(query).bind(subject).bind(now_us).fetch_all(db).await?);
        for row in rows {
            let counter = Counter { value: row.value, expires_us: row.expires_us };
            counters.entry(row.subject).or_default().insert(row.field, counter);
        }
    }
    Ok(counters)
}

async fn write_changes(tx: &mut Tx, before: &Counters, after: &Counters) -> Result<(), Error> {
    let none = BTreeMap::new();
    let upsert = "insert into counters (subject, field, value, expires_us) values ($1, $2, $3, $4) \
                  on conflict (subject, field) do update set value = excluded.value, expires_us = excluded.expires_us";
    let remove = "delete from counters where subject = $1 and field = $2";
    for (subject, fields) in after {
        let old = before.get(subject).unwrap_or(&none);
        for (field, counter) in fields.iter().filter(|(field, counter)| old.get(*field) != Some(*counter)) {
            within!(&mut *tx, db => {
                sqlx::query(upsert)
                    .bind(subject)
                    .bind(field)
                    .bind(counter.value)
                    .bind(counter.expires_us)
                    .execute(db)
                    .await?;
            });
        }
    }
    for (subject, fields) in before {
        let left = after.get(subject).unwrap_or(&none);
        for field in fields.keys().filter(|field| !left.contains_key(*field)) {
            within!(&mut *tx, db => { sqlx::query(remove).bind(subject).bind(field).execute(db).await?; });
        }
    }
    Ok(())
}
