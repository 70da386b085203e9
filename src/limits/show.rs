//! Usage and violations of subjects, read without taking.

use super::{
    ahead::forget_ahead,
    decide::check_reading,
    fields,
    request::{Check, LimitUsage},
};
use crate::model::{CounterState, ViolationSummary};

/// Both in the order of the checks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    pub usages: Vec<LimitUsage>,
    pub violations: Vec<Option<ViolationSummary>>,
}

/// Reads the usage of the checks' subjects and rules; their amounts are ignored. Changes nothing. `violations` may hold
/// others' too.
pub fn show(now_us: i64, checks: &[Check], counters: &CounterState, violations: &[ViolationSummary]) -> Shown {
    let mut counters = counters.clone();
    fields::expire(now_us, &mut counters);
    forget_ahead(now_us, checks, &mut counters);
    let usage = |check: &Check| LimitUsage::new(check, check_reading(now_us, check, &counters));
    let violation = |check: &Check| {
        let subject = check.subject.to_string();
        let is_it =
            |one: &&ViolationSummary| one.subject == subject && one.rule == check.rule.name && is_recent(one, now_us);
        violations.iter().find(is_it).cloned()
    };
    Shown { usages: checks.iter().map(usage).collect(), violations: checks.iter().map(violation).collect() }
}

/// Whether a violation is still shown.
pub fn is_recent(violation: &ViolationSummary, now_us: i64) -> bool {
    now_us - violation.last_us < ViolationSummary::KEPT_US
}
