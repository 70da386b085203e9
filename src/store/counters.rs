//! The counter backend in the database: rows of (subject, field, value, expiry), changed by pure functions inside one
//! transaction, on the database's clock. Concurrent changes share it (`write_batcher`). What they mean is decided by
//! the caller.

use std::{collections::BTreeSet, sync::Arc};

use parking_lot::Mutex;
use sqlx::{FromRow, SqliteConnection};

use super::{
    Audited, Error, PgTransaction, Pool, Store, Tx, Writer, on, violations, with_timeout, write_batcher::LockWait,
};
use crate::model::{Counter, CounterState, ViolationSummary};

#[derive(FromRow)]
struct CounterRow {
    subject: String,
    field: String,
    value: i64,
    expires_us: i64,
}

/// A change of some subjects' counters.
pub(super) struct CounterChange {
    subjects: Vec<String>,
    change: Change,
}

/// Called with the time in microseconds. May be called more than once; the last call counts.
type Change = Box<dyn Fn(i64, &mut CounterState) + Send + Sync>;

/// Applies the changes of a batch, one after the other.
pub(super) async fn change_batch(
    pool: Pool,
    writer: Writer,
    batch: Vec<Arc<CounterChange>>,
    wait: LockWait,
) -> Result<Vec<()>, Error> {
    let all: BTreeSet<&String> = batch.iter().flat_map(|one| &one.subjects).collect();
    let subjects: Vec<String> = all.into_iter().cloned().collect();
    let mut tx = pool.begin(&writer).await?;
    change_within(&mut tx, &subjects, wait, |now_us, counters| {
        for one in &batch {
            (one.change)(now_us, counters);
        }
    })
    .await?;
    tx.commit().await?;
    Ok(vec![(); batch.len()])
}

async fn change_within<R>(
    tx: &mut Tx,
    subjects: &[String],
    wait: LockWait,
    change: impl FnOnce(i64, &mut CounterState) -> R,
) -> Result<R, Error> {
    let now_us = lock_subjects(tx, subjects, wait).await?;
    let before = load(tx, subjects, now_us).await?;
    let mut after = before.clone();
    let outcome = change(now_us, &mut after);
    write_changes(tx, &before, &after).await?;
    violations::add(tx, &after.violations).await?;
    Ok(outcome)
}

impl Store {
    /// Loads the counters of the subjects, applies `change` to them, and writes what it changed; all in one transaction
    /// that excludes every other change of the same subjects.
    pub async fn change_counters<R: Send + 'static>(
        &self,
        subjects: Vec<String>,
        change: impl Fn(i64, &mut CounterState) -> R + Send + Sync + 'static,
    ) -> Result<R, Error> {
        let told = Arc::new(Mutex::new(None));
        let tell = Arc::clone(&told);
        let change = move |now_us, counters: &mut CounterState| {
            let outcome = change(now_us, counters);
            tell.lock().replace(outcome);
        };
        self.counts.write(CounterChange { subjects, change: Box::new(change) }).await?;
        let outcome = told.lock().take();
        Ok(outcome.expect("a change that was written was made"))
    }

    /// The counters of the subjects, their violations, and the database's time in microseconds.
    pub async fn counters(&self, subjects: &[String]) -> Result<(i64, CounterState, Vec<ViolationSummary>), Error> {
        let mut tx = self.begin().await?;
        let now_us = lock_subjects(&mut tx, subjects, LockWait::Unbounded).await?;
        let counters = load(&mut tx, subjects, now_us).await?;
        Ok((now_us, counters, violations::of(&mut tx, subjects).await?))
    }

    /// Subjects that have counters, in order, after a given one.
    pub async fn counted_subjects(&self, after: &str, limit: usize) -> Result<Vec<String>, Error> {
        let query = "select distinct subject from counters where subject > $1 order by subject limit $2";
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        Ok(on!(&self.pool, db => sqlx::query_scalar(query).bind(after).bind(limit).fetch_all(db).await?))
    }

    /// Subjects that have counters or violations, and one of these prefixes.
    pub async fn counted_like(&self, prefixes: &[String]) -> Result<Vec<String>, Error> {
        let query = "select subject from counters where substr(subject, 1, length($1)) = $1 \
                     union select subject from limit_violations where substr(subject, 1, length($1)) = $1";
        let mut found = Vec::new();
        for prefix in prefixes {
            let some: Vec<String> = on!(&self.pool, db => sqlx::query_scalar(query).bind(prefix).fetch_all(db).await?);
            found.extend(some);
        }
        Ok(found)
    }

    /// Removes expired counters.
    pub async fn sweep_counters(&self, now_us: i64) -> Result<u64, Error> {
        let query = "delete from counters where expires_us <= $1";
        Ok(on!(&self.pool, db => sqlx::query(query).bind(now_us).execute(db).await?.rows_affected()))
    }
}

impl Audited {
    /// As `Store::change_counters`, in the transaction of an administrative action.
    pub async fn change_counters<R>(
        &mut self,
        subjects: &[String],
        change: impl FnOnce(i64, &mut CounterState) -> R,
    ) -> Result<R, Error> {
        change_within(&mut self.tx, subjects, LockWait::Unbounded, change).await
    }
}

/// Locks the subjects against every other change, and returns the database's time after that. The locks are taken in
/// order, against deadlocks. SQLite has one writer anyway, and no clock but this machine's.
async fn lock_subjects(tx: &mut Tx, subjects: &[String], wait: LockWait) -> Result<i64, Error> {
    let Tx::Postgres(tx) = tx else { return Ok(crate::clock::now().timestamp_micros()) };
    let query = "with locked as materialized ( \
                    select count(pg_advisory_xact_lock(hashtextextended('mcpchat.counters.' || subject, 0))) as locks \
                    from (select distinct subject from unnest($1::text[]) as given (subject) order by subject) as ordered \
                    cross join (select set_config('lock_timeout', $2, true)) as bounded) \
                 select cast(extract(epoch from clock_timestamp()) * 1000000 as bigint) from locked where locks >= 0";
    with_timeout(async {
        Ok(sqlx::query_scalar(query).bind(subjects).bind(wait.lock_timeout()).fetch_one(&mut *tx).await?)
    })
    .await
}

/// One statement on PostgreSQL. It has to follow the locks: a statement sees what was there when it began.
async fn load(tx: &mut Tx, subjects: &[String], now_us: i64) -> Result<CounterState, Error> {
    let mut rows: Vec<CounterRow> = Vec::new();
    match tx {
        Tx::Postgres(tx) => {
            let query =
                "select subject, field, value, expires_us from counters where subject = any($1) and expires_us > $2";
            let found = sqlx::query_as(query).bind(subjects).bind(now_us).fetch_all(&mut *tx);
            rows = with_timeout(async { Ok(found.await?) }).await?;
        }
        Tx::Sqlite(tx) => {
            let query = "select subject, field, value, expires_us from counters where subject = $1 and expires_us > $2";
            for subject in subjects {
                let found: Vec<CounterRow> =
                    sqlx::query_as(query).bind(subject).bind(now_us).fetch_all(&mut **tx).await?;
                rows.extend(found);
            }
        }
    }
    let mut counters = CounterState::default();
    for row in rows {
        let counter = Counter { value: row.value, expires_us: row.expires_us };
        counters.of.entry(row.subject).or_default().insert(row.field, counter);
    }
    Ok(counters)
}

/// New or changed fields, and removed ones.
struct Changes<'a> {
    written: Vec<(&'a str, &'a str, &'a Counter)>,
    removed: Vec<(&'a str, &'a str)>,
}

impl<'a> Changes<'a> {
    fn between(before: &'a CounterState, after: &'a CounterState) -> Self {
        let of = |counters: &'a CounterState, subject: &str, field: &str| counters.of.get(subject)?.get(field);
        let written = fields(after).filter(|(subject, field, counter)| of(before, subject, field) != Some(*counter));
        let removed = fields(before).filter(|(subject, field, _)| of(after, subject, field).is_none());
        Self { written: written.collect(), removed: removed.map(|(subject, field, _)| (subject, field)).collect() }
    }
}

fn fields(counters: &CounterState) -> impl Iterator<Item = (&str, &str, &Counter)> {
    counters.of.iter().flat_map(|(subject, fields)| {
        fields.iter().map(move |(field, counter)| (subject.as_str(), field.as_str(), counter))
    })
}

async fn write_changes(tx: &mut Tx, before: &CounterState, after: &CounterState) -> Result<(), Error> {
    let changes = Changes::between(before, after);
    match tx {
        Tx::Postgres(tx) => changes.write_to_postgres(tx).await,
        Tx::Sqlite(tx) => changes.write_to_sqlite(tx).await,
    }
}

impl Changes<'_> {
    /// One statement for each kind of change there is.
    async fn write_to_postgres(&self, tx: &mut PgTransaction) -> Result<(), Error> {
        let texts = |texts: &mut dyn Iterator<Item = &str>| texts.map(str::to_owned).collect::<Vec<_>>();
        let upsert = "insert into counters (subject, field, value, expires_us) \
                      select * from unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[]) \
                      on conflict (subject, field) do update set value = excluded.value, expires_us = excluded.expires_us";
        if !self.written.is_empty() {
            let upsert = sqlx::query(upsert)
                .bind(texts(&mut self.written.iter().map(|(subject, ..)| *subject)))
                .bind(texts(&mut self.written.iter().map(|(_, field, _)| *field)))
                .bind(self.written.iter().map(|(.., counter)| counter.value).collect::<Vec<_>>())
                .bind(self.written.iter().map(|(.., counter)| counter.expires_us).collect::<Vec<_>>())
                .execute(&mut *tx);
            with_timeout(async { Ok(upsert.await?) }).await?;
        }
        let remove = "delete from counters using unnest($1::text[], $2::text[]) as gone (subject, field) \
                      where counters.subject = gone.subject and counters.field = gone.field";
        if !self.removed.is_empty() {
            let remove = sqlx::query(remove)
                .bind(texts(&mut self.removed.iter().map(|(subject, _)| *subject)))
                .bind(texts(&mut self.removed.iter().map(|(_, field)| *field)))
                .execute(&mut *tx);
            with_timeout(async { Ok(remove.await?) }).await?;
        }
        Ok(())
    }

    async fn write_to_sqlite(&self, tx: &mut SqliteConnection) -> Result<(), Error> {
        let upsert = "insert into counters (subject, field, value, expires_us) values ($1, $2, $3, $4) \
                      on conflict (subject, field) do update set value = excluded.value, expires_us = excluded.expires_us";
        for (subject, field, counter) in &self.written {
            let query = sqlx::query(upsert).bind(*subject).bind(*field).bind(counter.value).bind(counter.expires_us);
            with_timeout(async { Ok(query.execute(&mut *tx).await?) }).await?;
        }
        let remove = "delete from counters where subject = $1 and field = $2";
        for (subject, field) in &self.removed {
            let query = sqlx::query(remove).bind(*subject).bind(*field);
            with_timeout(async { Ok(query.execute(&mut *tx).await?) }).await?;
        }
        Ok(())
    }
}
