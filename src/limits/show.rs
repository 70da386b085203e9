//! How a subject stands, for those who ask without taking anything.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::{
    decide::reading,
    fields::{self, Fields},
    rule::Rule,
    take::Standing,
};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// In the order of the rules asked for.
    pub standings: Vec<Standing>,
    /// By name of the rule; also of rules that are configured no more.
    pub violations: Vec<Violation>,
}

/// The refusals of one rule, kept for 24 hours after the last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    pub rule: String,
    pub count: u64,
    pub last: DateTime<Utc>,
    /// When the request that was refused last would have been admitted.
    pub until: DateTime<Utc>,
}

/// Changes nothing. `fields` is what `Counters` holds for the subject.
pub fn show(now_us: i64, rules: &[Arc<Rule>], fields: &Fields) -> Shown {
    let alive: Fields = fields.iter().filter(|(_, c)| c.expires_us > now_us).map(|(n, c)| (n.clone(), *c)).collect();
    let standing = |rule: &Arc<Rule>| Standing::new(rule, reading(now_us, &rule.name, rule.kind, &alive));
    Shown { standings: rules.iter().map(standing).collect(), violations: violations(&alive) }
}

fn violations(fields: &Fields) -> Vec<Violation> {
    let violation = |(name, count): (&String, &crate::model::Counter)| {
        let rule = name.strip_prefix("violation:")?.strip_suffix(":count")?;
        let time = |part| DateTime::from_timestamp_micros(fields::value(fields, &fields::violation(rule, part))?);
        let count = u64::try_from(count.value).unwrap_or(0);
        Some(Violation { rule: rule.to_owned(), count, last: time("last")?, until: time("until")? })
    };
    fields::with_prefix(fields, "violation:").filter_map(violation).collect()
}
