//! A dated exception from a limit, for one user.

use chrono::{DateTime, Utc};

use super::UserId;

/// Another maximum in a rule's place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LimitOverride {
    pub rule: String,
    /// In the rule's unit; of cost, nano-dollars.
    pub max: u64,
    /// `None`: until it is taken back.
    pub until: Option<DateTime<Utc>>,
}

/// One as it is kept: whose it is, and who made it why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptOverride {
    pub user_id: UserId,
    pub what: LimitOverride,
    pub reason: String,
    pub set_by: String,
    pub set_at: DateTime<Utc>,
}
