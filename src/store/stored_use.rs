//! Stored use, as limits count it, from the rows that outlive counters, accounts and conversations: `attempts`, of
//! which each turn's first stands for its message too. Also when a counter was last reset.

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::FromRow;
use uuid::Uuid;

use super::{Audited, Error, Store, Tx, on, totals::first_id_of, with_timeout, within};
use crate::model::{CountedBy, Counting, RuleUse, RunningUse, StoredUse, StoredUseQuery, TurnId};

/// How far ahead a replica's clock may be; later rows come from a wrong clock.
const CLOCKS_APART_US: i64 = 60_000_000;
/// How many attempts lose their address at once.
const FORGOTTEN_AT_ONCE: i64 = 1_000;
/// The subject of a reset of all subjects.
const ALL: &str = "*";

/// A statement with the filter of the subject's kind as a literal: the planner has to see which.
macro_rules! found_by {
    ($by:expr, $before:literal, $after:literal) => {
        match $by {
            CountedBy::User(_) => concat!($before, " a.user_id = $1 ", $after),
            CountedBy::Key(_) => concat!($before, " a.key_id = $1 ", $after),
            CountedBy::Address(_) => concat!($before, " a.address = $1 ", $after),
            CountedBy::Global => concat!($before, " cast($1 as text) is null ", $after),
        }
    };
}

macro_rules! bind_subject {
    ($query:expr, $by:expr) => {
        match $by {
            CountedBy::User(id) => $query.bind(*id),
            CountedBy::Key(id) => $query.bind(*id),
            CountedBy::Address(address) => $query.bind(address.as_str()),
            CountedBy::Global => $query.bind(None::<String>),
        }
    };
}

#[derive(FromRow)]
struct Sums {
    tokens: i64,
    cost: i64,
}

impl Store {
    /// Reads stored use in one transaction, so that no turn is both running and settled, or neither.
    pub async fn stored_use(&self, asked: &StoredUseQuery) -> Result<StoredUse, Error> {
        let mut tx = self.begin().await?;
        if let Tx::Postgres(tx) = &mut tx {
            let isolate = "set transaction isolation level repeatable read";
            with_timeout(async { Ok(sqlx::query(isolate).execute(&mut *tx).await?) }).await?;
        }
        let running = running(&mut tx, &asked.by).await?;
        let ended = ended(&mut tx, &asked.turns).await?;
        let resets = resets(&mut tx, &asked.subject).await?;
        let mut rules = Vec::with_capacity(asked.rules.len());
        for (rule, counting) in &asked.rules {
            let of_it = resets.iter().filter(|(of, _)| of.is_empty() || of == rule);
            // The reset covers turns of the same millisecond, too.
            let reset_us = of_it.map(|(_, at_us)| (at_us / 1000 + 1) * 1000).max().unwrap_or(0);
            rules.push(rule_use(&mut tx, asked, *counting, reset_us).await?);
        }
        tx.rollback().await?;
        Ok(StoredUse { running, ended, rules })
    }

    /// Removes the addresses of attempts older than `before`, some at a time.
    pub async fn forget_addresses(&self, before: DateTime<Utc>) -> Result<u64, Error> {
        let query = "update attempts set address = null where id in \
                     (select id from attempts where address is not null and turn_id < $1 order by turn_id limit $2)";
        let before = first_id_of(before);
        Ok(on!(&self.pool, db => {
            sqlx::query(query).bind(before).bind(FORGOTTEN_AT_ONCE).execute(db).await?.rows_affected()
        }))
    }

    /// Removes resets that no window reaches back to.
    pub async fn sweep_resets(&self, before: DateTime<Utc>) -> Result<u64, Error> {
        let query = "delete from limit_resets where at_us < $1";
        let before_us = before.timestamp_micros();
        Ok(on!(&self.pool, db => sqlx::query(query).bind(before_us).execute(db).await?.rows_affected()))
    }
}

impl Audited {
    /// Records a reset of these subjects, of one rule or of all: what was used up to then does not count.
    pub async fn note_resets(
        &mut self,
        subjects: &[String],
        rule: Option<&str>,
        at: DateTime<Utc>,
    ) -> Result<(), Error> {
        let query = "insert into limit_resets (subject, rule, at_us) values ($1, $2, $3) \
                     on conflict (subject, rule) do update set at_us = excluded.at_us";
        let (rule, at_us) = (rule.unwrap_or_default(), at.timestamp_micros());
        for subject in subjects {
            within!(&mut self.tx, db => { sqlx::query(query).bind(subject).bind(rule).bind(at_us).execute(db).await?; });
        }
        Ok(())
    }

    /// The same for all subjects.
    pub async fn note_reset_of_all(&mut self, rule: Option<&str>, at: DateTime<Utc>) -> Result<(), Error> {
        self.note_resets(&[ALL.to_owned()], rule, at).await
    }
}

async fn running(tx: &mut Tx, by: &CountedBy) -> Result<Vec<RunningUse>, Error> {
    let query = found_by!(
        by,
        "select t.id as turn, coalesce(a.reserved_tokens, 0) as tokens, coalesce(a.reserved_cost, 0) as cost \
         from turns t join attempts a on a.turn_id = t.id and a.number = 1 where t.state = 'running' and",
        ""
    );
    Ok(within!(tx, db => bind_subject!(sqlx::query_as(query), by).fetch_all(db).await?))
}

/// Those of the turns that were stored, and do not run.
async fn ended(tx: &mut Tx, turns: &[TurnId]) -> Result<Vec<TurnId>, Error> {
    let query = "select exists (select 1 from attempts where turn_id = $1) \
                 and not exists (select 1 from turns where id = $1 and state = 'running')";
    let mut ended = Vec::new();
    for turn in turns {
        let has_ended: bool = within!(&mut *tx, db => sqlx::query_scalar(query).bind(*turn).fetch_one(db).await?);
        ended.extend(has_ended.then_some(*turn));
    }
    Ok(ended)
}

/// The resets of a subject: which rule (empty: every), and when.
async fn resets(tx: &mut Tx, subject: &str) -> Result<Vec<(String, i64)>, Error> {
    let query = "select rule, at_us from limit_resets where subject in ($1, $2)";
    Ok(within!(tx, db => sqlx::query_as(query).bind(subject).bind(ALL).fetch_all(db).await?))
}

async fn rule_use(tx: &mut Tx, asked: &StoredUseQuery, counting: Counting, reset_us: i64) -> Result<RuleUse, Error> {
    let since = |window_us: i64| window_us.max(reset_us);
    Ok(match counting {
        Counting::Turns => RuleUse { since_us: reset_us, amount: 0 },
        Counting::Messages { interval_us, window_us } => {
            // A subject that sends without a pause uses more than one window's worth.
            let since_us = since(asked.now_us - 2 * window_us);
            RuleUse { since_us, amount: messages_ahead(tx, asked, interval_us, since_us).await? }
        }
        Counting::Tokens { since_us } => {
            let since_us = since(since_us);
            RuleUse { since_us, amount: sums(tx, asked, since_us).await?.tokens }
        }
        Counting::Cost { since_us } => {
            let since_us = since(since_us);
            RuleUse { since_us, amount: sums(tx, asked, since_us).await?.cost }
        }
    })
}

/// The sums over turns that began since a time.
async fn sums(tx: &mut Tx, asked: &StoredUseQuery, since_us: i64) -> Result<Sums, Error> {
    let query = found_by!(
        &asked.by,
        "select cast(coalesce(sum(coalesce(a.input_tokens, 0) + coalesce(a.output_tokens, 0)), 0) as bigint) as tokens, \
         cast(coalesce(sum(a.cost), 0) as bigint) as cost from attempts a where",
        "and a.turn_id >= $2 and a.turn_id < $3"
    );
    let (first, end) = (first_id(since_us), first_id(asked.now_us + CLOCKS_APART_US));
    Ok(within!(tx, db => {
        bind_subject!(sqlx::query_as(query), &asked.by).bind(first).bind(end).fetch_one(db).await?
    }))
}

/// GCRA over the turns since a time: the last n of them take n intervals from when the first of these came.
async fn messages_ahead(tx: &mut Tx, asked: &StoredUseQuery, interval_us: i64, since_us: i64) -> Result<i64, Error> {
    let (first, end) = (first_id(since_us), first_id(asked.now_us + CLOCKS_APART_US));
    let now = time(asked.now_us);
    let ahead: Option<i64> = match tx {
        Tx::Postgres(tx) => {
            let query = found_by!(
                &asked.by,
                "select cast(max(place * cast($4 as bigint) \
                     - cast(extract(epoch from (cast($5 as timestamptz) - started_at)) * 1000000 as bigint)) as bigint) \
                 from (select a.started_at, row_number() over (order by a.turn_id desc) as place from attempts a where",
                "and a.turn_id >= $2 and a.turn_id < $3 and a.number = 1) as turns"
            );
            let query = bind_subject!(sqlx::query_scalar(query), &asked.by);
            let query = query.bind(first).bind(end).bind(interval_us).bind(now);
            with_timeout(async { Ok(query.fetch_one(&mut *tx).await?) }).await?
        }
        Tx::Sqlite(tx) => {
            let query = found_by!(
                &asked.by,
                "select max(place * $4 \
                     - cast(round((julianday($5) - julianday(started_at)) * 86400000) as integer) * 1000) \
                 from (select a.started_at, row_number() over (order by a.turn_id desc) as place from attempts a where",
                "and a.turn_id >= $2 and a.turn_id < $3 and a.number = 1) as turns"
            );
            let query = bind_subject!(sqlx::query_scalar(query), &asked.by);
            let query = query.bind(first).bind(end).bind(interval_us).bind(now);
            with_timeout(async { Ok(query.fetch_one(&mut **tx).await?) }).await?
        }
    };
    Ok(ahead.unwrap_or(0))
}

fn first_id(us: i64) -> Uuid {
    first_id_of(time(us))
}

fn time(us: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::microseconds(us.max(0))
}
