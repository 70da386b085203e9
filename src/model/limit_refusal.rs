//! One refusal by a limit, with the values as they were when it was decided.

use super::DecisionId;

/// One refusal. Amounts are in the rule's own unit; cost in nano-dollars.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct LimitRefusal {
    pub id: DecisionId,
    pub request_id: String,
    /// The refused subject, named as in `ViolationSummary`.
    pub subject: String,
    pub rule: String,
    /// `messages`, `turns`, `tokens` or `cost`; stored, since the configuration may drop the rule.
    pub counted: String,
    /// Microseconds since 1970.
    pub at_us: i64,
    pub max: i64,
    pub used: i64,
    pub reserved: i64,
    /// The least that the request needs.
    pub requested: i64,
    /// `None`: it would never have been admitted.
    pub retry_after_secs: Option<i64>,
}

impl LimitRefusal {
    /// How many of each subject and rule are kept, the latest.
    pub const KEPT_PER_SUBJECT: usize = 100;
    /// How many are kept of all subjects together, so that made-up names and addresses cannot fill the database.
    pub const MAX_KEPT: usize = 50_000;
}
