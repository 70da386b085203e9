//! Reading counters in Redis without changing them.

use std::collections::BTreeMap;

use super::{Keys, RedisCounters, violations};
use crate::{
    limits::{
        show::{Shown, show},
        take::Check,
    },
    model::{Counter, Counters},
    redis_link::Away,
};

impl RedisCounters {
    /// As `limits::show`.
    pub async fn show(&self, checks: &[Check]) -> Result<Shown, Away> {
        let mut call = self.scripts.show.prepare_invoke();
        let keys = Keys::of(checks, &mut call);
        call.key(&self.scripts.violations[0]);
        call.arg(checks.iter().map(violations::name).collect::<Vec<_>>());
        let (now_us, subjects, texts): (i64, Vec<BTreeMap<String, String>>, Vec<Option<String>>) =
            self.link.script(&call).await?;
        let of = keys.0.iter().filter_map(|(subject, position)| {
            let texts = subjects.get(position - 1)?;
            let fields = texts.iter().filter_map(|(name, text)| Some((name.clone(), decode(text)?)));
            Some((subject.to_string(), fields.collect()))
        });
        let counters = Counters { of: of.collect(), breaches: Vec::new() };
        let found = checks.iter().zip(texts);
        let violations: Vec<_> =
            found.filter_map(|(check, text)| violations::decode(&violations::name(check), &text?)).collect();
        Ok(show(now_us, checks, &counters, &violations))
    }
}

/// The text that state.lua writes.
fn decode(text: &str) -> Option<Counter> {
    let (value, expires_us) = text.split_once('/')?;
    Some(Counter { value: value.parse().ok()?, expires_us: expires_us.parse().ok()? })
}
