//! Limit counters as both counter backends keep them: a subject with named fields.

use std::collections::BTreeMap;

/// One counter of a subject, with its expiry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counter {
    pub value: i64,
    /// Microseconds since 1970; from then on the field is void and may be deleted.
    pub expires_us: i64,
}

/// The counters of some subjects, and the violations to be recorded about them.
#[derive(Clone, Debug, Default)]
pub struct CounterState {
    /// Subject → field → counter. The names are `limits`' own; the backends do not interpret them.
    pub of: BTreeMap<String, BTreeMap<String, Counter>>,
    /// The violations of the changes made so far.
    pub violations: Vec<Violation>,
}

/// One refusal. Times in microseconds since 1970.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    pub subject: String,
    pub rule: String,
    pub at_us: i64,
    /// When the request would have been admitted, or `ViolationSummary::NEVER_US`.
    pub until_us: i64,
}

/// The refusals of one subject under one rule, as long as less than a day passed between each and the next.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct ViolationSummary {
    pub subject: String,
    pub rule: String,
    pub count: i64,
    pub last_us: i64,
    /// When the request that was refused last would have been admitted, or `NEVER_US`.
    pub until_us: i64,
}

impl ViolationSummary {
    /// How long after the last refusal a summary is kept.
    pub const KEPT_US: i64 = 24 * 60 * 60 * 1_000_000;
    /// In place of an end: the request needs more than the whole limit.
    pub const NEVER_US: i64 = 0;
    /// How many are kept, the latest.
    pub const MAX_KEPT: usize = 5_000;
}
