//! Reading counters in Redis without changing them.

use std::collections::BTreeMap;

use super::{Keys, RedisCounters, violations};
use crate::{
    limits::request::Check,
    model::{Counter, CounterState, ViolationSummary},
    redis::Unavailable,
};

/// The counters in Redis, at a time on its clock.
pub struct CountersRead {
    pub now_us: i64,
    /// The epoch of the data.
    pub epoch: i64,
    pub counters: CounterState,
    pub violations: Vec<ViolationSummary>,
}

impl RedisCounters {
    /// As `limits::show`, of what is counted here.
    #[cfg(test)]
    pub async fn show(&self, checks: &[Check]) -> Result<crate::limits::Shown, Unavailable> {
        let read = self.read(checks).await?;
        Ok(crate::limits::show(read.now_us, checks, &read.counters, &read.violations))
    }

    /// Reads the counters of the checks' subjects, and the violations of their rules.
    pub async fn read(&self, checks: &[Check]) -> Result<CountersRead, Unavailable> {
        self.read_with(checks, checks).await
    }

    /// Reads the counters alone.
    pub async fn read_counters(&self, checks: &[Check]) -> Result<CountersRead, Unavailable> {
        self.read_with(checks, &[]).await
    }

    async fn read_with(&self, checks: &[Check], violated: &[Check]) -> Result<CountersRead, Unavailable> {
        let mut call = self.scripts.show.prepare_invoke();
        let keys = Keys::of(checks, &mut call);
        match checks.first() {
            // As in `decide`, no key that is not needed.
            Some(check) if violated.is_empty() => call.key(check.subject.redis_key()),
            _ => call.key(&self.scripts.violations[0]),
        };
        call.arg(violated.iter().map(violations::name).collect::<Vec<_>>());
        type Answer = (i64, Vec<BTreeMap<String, String>>, Vec<Option<String>>, i64);
        let (now_us, subjects, texts, epoch): Answer = self.link.script(&call).await?;
        let of = keys.0.iter().filter_map(|(subject, position)| {
            let texts = subjects.get(position - 1)?;
            let fields = texts.iter().filter_map(|(name, text)| Some((name.clone(), decode(text)?)));
            Some((subject.to_string(), fields.collect()))
        });
        let counters = CounterState { of: of.collect(), violations: Vec::new() };
        let found = violated.iter().zip(texts);
        let violations: Vec<_> =
            found.filter_map(|(check, text)| violations::decode(&violations::name(check), &text?)).collect();
        Ok(CountersRead { now_us, epoch, counters, violations })
    }
}

/// Parses the text that state.lua writes.
fn decode(text: &str) -> Option<Counter> {
    let (value, expires_us) = text.split_once('/')?;
    Some(Counter { value: value.parse().ok()?, expires_us: expires_us.parse().ok()? })
}
