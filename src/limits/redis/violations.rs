//! The violations in Redis, as violation.lua writes them: a hash of `rule:subject's key` → `count/last/until`.

use std::collections::BTreeMap;

use super::RedisCounters;
use crate::{
    limits::{request::Check, subject::REDIS_PREFIX},
    model::ViolationSummary,
    redis::Unavailable,
};

impl RedisCounters {
    /// All recorded violations, in no order; some may be too old to matter.
    pub async fn violations(&self) -> Result<Vec<ViolationSummary>, Unavailable> {
        let mut read = redis::cmd("HGETALL");
        read.arg(&self.scripts.violations[0]);
        let texts: BTreeMap<String, String> =
            self.link.run(async |mut connection| read.query_async(&mut connection).await).await?;
        Ok(texts.iter().filter_map(|(name, text)| decode(name, text)).collect())
    }
}

impl RedisCounters {
    /// Records a violation where take.lua could not. The refusal stands whether or not this can.
    pub(super) async fn record(&self, check: &Check, wait_us: i64) {
        let mut call = self.scripts.record.key(&self.scripts.violations);
        call.arg(name(check)).arg(wait_us);
        if let Err(away) = self.link.script_aside(&call).await {
            tracing::debug!(%away, rule = %check.rule.name, "a refusal is not remembered");
        }
    }
}

pub(super) fn name(check: &Check) -> String {
    format!("{}:{}", check.rule.name, check.subject.redis_key())
}

pub(super) fn decode(name: &str, text: &str) -> Option<ViolationSummary> {
    let (rule, key) = name.split_once(':')?;
    let subject = key.strip_prefix(REDIS_PREFIX)?.to_owned();
    let numbers: Vec<i64> = text.split('/').map(str::parse).collect::<Result<_, _>>().ok()?;
    let &[count, last_us, until_us] = numbers.as_slice() else { return None };
    Some(ViolationSummary { subject, rule: rule.to_owned(), count, last_us, until_us })
}
