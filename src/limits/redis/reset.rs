//! Reset of counters in Redis, in steps that do not block other clients: `SCAN`, never `KEYS`. In a cluster all of our
//! keys are on one node, as they have one hash tag; the scan is done there.

use super::RedisCounters;
use crate::{
    limits::subject::{REDIS_PREFIX, Subject},
    redis::Unavailable,
};

/// Keys per step.
const STEP: usize = 500;

impl RedisCounters {
    /// Removes all that is counted of the subjects, or what one rule counts of them: counters, leases, reservations and
    /// violations. Returns how many of them had any.
    pub async fn reset(&self, subjects: &[Subject], rule: Option<&str>) -> Result<u64, Unavailable> {
        let keys: Vec<String> = subjects.iter().map(Subject::redis_key).collect();
        self.forget(&keys, rule).await
    }

    /// Resets all subjects. Those created meanwhile may stay.
    pub async fn reset_all(&self, rule: Option<&str>) -> Result<u64, Unavailable> {
        self.reset_prefixed("", rule).await
    }

    /// Resets the subjects with this prefix.
    pub async fn reset_prefixed(&self, prefix: &str, rule: Option<&str>) -> Result<u64, Unavailable> {
        let mut count = 0;
        let mut cursor = 0;
        loop {
            let (next, keys) = self.scan(cursor, prefix).await?;
            count += self.forget(&keys, rule).await?;
            cursor = next;
            if cursor == 0 {
                break;
            }
        }
        // Subjects with nothing but a violation.
        let left = self.violations().await?.into_iter().filter(|one| one.subject.starts_with(prefix));
        let mut left: Vec<String> = left.map(|one| format!("{REDIS_PREFIX}{}", one.subject)).collect();
        left.sort_unstable();
        left.dedup();
        Ok(count + self.forget(&left, rule).await?)
    }

    async fn scan(&self, cursor: u64, prefix: &str) -> Result<(u64, Vec<String>), Unavailable> {
        let mut call = self.scripts.scan.key(&self.scripts.violations[0]);
        call.arg(cursor).arg(format!("{REDIS_PREFIX}{}*", literally(prefix))).arg(STEP);
        self.link.script(&call).await
    }

    async fn forget(&self, keys: &[String], rule: Option<&str>) -> Result<u64, Unavailable> {
        let mut count = 0;
        for some in keys.chunks(STEP) {
            let mut call = self.scripts.forget.prepare_invoke();
            call.key(some).key(&self.scripts.violations).arg(rule);
            let found: u64 = self.link.script(&call).await?;
            count += found;
        }
        Ok(count)
    }
}

/// Escapes a text for a pattern of `SCAN`.
fn literally(text: &str) -> String {
    let is_special = |c: char| matches!(c, '*' | '?' | '[' | ']' | '\\' | '^');
    text.chars().flat_map(|c| is_special(c).then_some('\\').into_iter().chain([c])).collect()
}
