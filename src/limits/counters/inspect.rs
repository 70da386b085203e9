//! Reading and clearing counters for administrators: usage by rule, violations, resets.

use std::collections::BTreeMap;

use super::{Counters, Result};
use crate::{
    config::OnFailure,
    limits::{Check, Shown, Subject, forget, is_recent, show},
    model::ViolationSummary,
    redis::Unavailable,
};

/// How many subjects the database forgets in one transaction.
const MAX_SUBJECTS_FORGOTTEN: usize = 500;

impl Counters {
    /// The usage of each check's rule, from the backend that decides. Changes nothing.
    pub async fn show(&self, checks: &[Check]) -> Result<Shown> {
        if let Some(redis) = &self.redis {
            match redis.read(checks).await {
                Ok(read) => {
                    let counters = self.restored(read.now_us, Some(read.epoch), checks, read.counters).await?;
                    return Ok(show(read.now_us, checks, &counters, &read.violations));
                }
                Err(unavailable) => self.tolerate(unavailable)?,
            }
        }
        let mut subjects: Vec<String> = checks.iter().map(|check| check.subject.to_string()).collect();
        subjects.sort_unstable();
        subjects.dedup();
        let (now_us, counters, violations) = self.store.counters(&subjects).await?;
        let counters = self.restored(now_us, None, checks, counters).await?;
        Ok(show(now_us, checks, &counters, &violations))
    }

    /// The recent violations of all subjects, from both backends, as one subject and rule may have been counted in both.
    pub async fn violations(&self) -> Result<Vec<ViolationSummary>> {
        let mut all = self.store.violations().await?;
        if let Some(redis) = &self.redis {
            match redis.violations().await {
                Ok(more) => all.extend(more),
                Err(unavailable) => self.tolerate(unavailable)?,
            }
        }
        let now_us = self.store.now().timestamp_micros();
        let mut merged = BTreeMap::<(String, String), ViolationSummary>::new();
        for one in all.into_iter().filter(|one| is_recent(one, now_us)) {
            let key = (one.subject.clone(), one.rule.clone());
            let sum = merged.remove(&key).map_or(one.clone(), |other| {
                let count = one.count + other.count;
                ViolationSummary { count, ..if other.last_us > one.last_us { other } else { one } }
            });
            merged.insert(key, sum);
        }
        Ok(merged.into_values().collect())
    }

    fn tolerate(&self, unavailable: Unavailable) -> Result<()> {
        if self.on_failure == OnFailure::Refuse {
            return Err(unavailable.into());
        }
        tracing::warn!("what redis has counted is not among what is shown");
        Ok(())
    }

    /// Clears in Redis what an audited transaction has cleared in the database: these subjects, and those whose texts begin
    /// with one of the prefixes. Gives how many had anything.
    pub async fn reset_in_redis(&self, subjects: &[Subject], prefixes: &[String], rule: Option<&str>) -> Result<u64> {
        let Some(redis) = &self.redis else { return Ok(0) };
        let mut count = redis.reset(subjects, rule).await?;
        for prefix in prefixes {
            count += redis.reset_prefixed(prefix, rule).await?;
        }
        Ok(count)
    }

    /// Clears the counters of all subjects, in both backends. `violators`: the subjects whose violations the database has
    /// cleared already. Gives how many had anything.
    pub async fn reset_all(&self, rule: Option<&str>, mut violators: Vec<String>) -> Result<u64> {
        let (mut count, mut after) = (0, String::new());
        loop {
            let some = self.store.counted_subjects(&after, MAX_SUBJECTS_FORGOTTEN).await?;
            let Some(last) = some.last() else { break };
            after.clone_from(last);
            let rule = rule.map(str::to_owned);
            let forget = move |_, counters: &mut _| forget(rule.as_deref(), counters);
            let found = self.store.change_counters(some, forget).await?;
            violators.retain(|subject| !found.contains(subject));
            count += found.len() as u64;
        }
        count += violators.len() as u64;
        match &self.redis {
            Some(redis) => Ok(count + redis.reset_all(rule).await?),
            None => Ok(count),
        }
    }
}
