//! The lease of a running turn.

use std::time::Duration;

/// How long a turn is taken to run without a sign of its owner: in the database, under limits, and in the notes of other
/// replicas. Its owner renews it three times as often.
pub const LEASE: Duration = Duration::from_secs(30);
