//! Recent limit violations per subject and rule, while the database is the counter backend. A refusal is written in the
//! transaction that refused (`counters`); how many are kept is bounded by sweeping.

use std::collections::BTreeMap;

use super::{Audited, Error, Store, Tx, on, within};
use crate::model::{Violation, ViolationSummary};

impl Store {
    /// All that are kept, the latest first.
    pub async fn violations(&self) -> Result<Vec<ViolationSummary>, Error> {
        let query =
            "select subject, rule, count, last_us, until_us from limit_violations order by last_us desc limit $1";
        let most = i64::try_from(ViolationSummary::MAX_KEPT).unwrap_or(i64::MAX);
        Ok(on!(&self.pool, db => sqlx::query_as(query).bind(most).fetch_all(db).await?))
    }

    /// Removes what is too old, and of the rest all but the latest.
    pub async fn sweep_violations(&self, now_us: i64) -> Result<u64, Error> {
        let query = "delete from limit_violations where last_us <= $1 \
                     or last_us <= (select last_us from limit_violations order by last_us desc limit 1 offset $2)";
        let most = i64::try_from(ViolationSummary::MAX_KEPT).unwrap_or(i64::MAX);
        let kept_from = now_us - ViolationSummary::KEPT_US;
        Ok(on!(&self.pool, db => sqlx::query(query).bind(kept_from).bind(most).execute(db).await?.rows_affected()))
    }
}

/// Adds violations to the stored ones, one row for each subject and rule.
pub(super) async fn add(tx: &mut Tx, violations: &[Violation]) -> Result<(), Error> {
    let mut sums = BTreeMap::<(&str, &str), (i64, &Violation)>::new();
    for violation in violations {
        let sum = sums.entry((&violation.subject, &violation.rule)).or_insert((0, violation));
        *sum = (sum.0 + 1, violation);
    }
    let query = "insert into limit_violations (subject, rule, count, last_us, until_us) values ($1, $2, $3, $4, $5) \
                 on conflict (subject, rule) do update set last_us = excluded.last_us, until_us = excluded.until_us, \
                 count = excluded.count + \
                     (case when excluded.last_us - limit_violations.last_us < $6 then limit_violations.count else 0 end)";
    for ((subject, rule), (count, last)) in sums {
        within!(&mut *tx, db => {
            sqlx::query(query)
                .bind(subject)
                .bind(rule)
                .bind(count)
                .bind(last.at_us)
                .bind(last.until_us)
                .bind(ViolationSummary::KEPT_US)
                .execute(db)
                .await?;
        });
    }
    Ok(())
}

/// The violations of some subjects.
pub(super) async fn of(tx: &mut Tx, subjects: &[String]) -> Result<Vec<ViolationSummary>, Error> {
    let query = "select subject, rule, count, last_us, until_us from limit_violations where subject = $1";
    let mut found = Vec::new();
    for subject in subjects {
        let some: Vec<ViolationSummary> =
            within!(&mut *tx, db => sqlx::query_as(query).bind(subject).fetch_all(db).await?);
        found.extend(some);
    }
    Ok(found)
}

impl Audited {
    /// Removes violations and single refusals of some subjects, or of one rule among them; returns their subjects.
    pub async fn forget_violations(&mut self, subjects: &[String], rule: Option<&str>) -> Result<Vec<String>, Error> {
        self.forget_refusals(subjects, rule).await?;
        let query = "delete from limit_violations where subject = $1 and ($2 is null or rule = $2) returning subject";
        let mut gone = Vec::new();
        for subject in subjects {
            let some: Vec<String> =
                within!(&mut self.tx, db => sqlx::query_scalar(query).bind(subject).bind(rule).fetch_all(db).await?);
            gone.extend(some);
        }
        Ok(gone)
    }

    /// The same for all subjects.
    pub async fn forget_all_violations(&mut self, rule: Option<&str>) -> Result<Vec<String>, Error> {
        self.forget_all_refusals(rule).await?;
        let query = "delete from limit_violations where ($1 is null or rule = $1) returning subject";
        Ok(within!(&mut self.tx, db => sqlx::query_scalar(query).bind(rule).fetch_all(db).await?))
    }
}
