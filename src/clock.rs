//! The time, in one place: whole microseconds, which is what PostgreSQL stores, so that a time read back equals the time written.

use chrono::{DateTime, SubsecRound, Utc};

/// Now, in UTC.
#[expect(clippy::disallowed_methods, reason = "this is the one place that reads the clock")]
pub fn now() -> DateTime<Utc> {
    Utc::now().trunc_subsecs(6)
}
