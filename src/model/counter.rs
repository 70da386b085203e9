//! A limit's counters as both homes keep them: a subject (whom they count) with named fields.

use std::collections::BTreeMap;

/// One number of one subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counter {
    pub value: i64,
    /// Microseconds since 1970; from then on the field means nothing and may be deleted.
    pub expires_us: i64,
}

/// The state of some subjects, and what is to be written down about them.
#[derive(Clone, Debug, Default)]
pub struct CounterState {
    /// Subject → field → counter. The names are `limits`' own; whoever stores them does not read them.
    pub of: BTreeMap<String, BTreeMap<String, Counter>>,
    /// What was refused by the changes made so far.
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
    /// How long after the last refusal it is remembered.
    pub const KEPT_US: i64 = 24 * 60 * 60 * 1_000_000;
    /// In the place of an end: it asked for more than the whole limit.
    pub const NEVER_US: i64 = 0;
    /// How many are remembered, the latest.
    pub const MAX_KEPT: usize = 5_000;
}
