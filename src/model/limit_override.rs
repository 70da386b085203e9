//! An override of a limit for one user, with an expiry.

use chrono::{DateTime, Utc};

use super::UserId;

/// A maximum that replaces a rule's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LimitOverride {
    pub rule: String,
    /// In the rule's unit; of cost, nano-dollars.
    pub max: u64,
    /// `None`: until it is removed.
    pub until: Option<DateTime<Utc>>,
}

/// An override as stored, with its user, author and reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredOverride {
    pub user_id: UserId,
    pub what: LimitOverride,
    pub reason: String,
    pub set_by: String,
    pub set_at: DateTime<Utc>,
}
