//! Following the audit log: row numbers have no gaps and become visible in order, so a reader that resumes after the
//! last number misses nothing and sees nothing twice, across restarts.

use std::{sync::Arc, time::Duration};

use super::{App, Auditor, Error, Result};
use crate::{
    model::AuditRow,
    store::{AuditFilter, End},
};

/// Rows per poll.
const STEP: u32 = 200;

/// A cursor into the log.
pub struct AuditFollower {
    app: Arc<App>,
    filter: AuditFilter,
    after: i64,
}

impl App {
    /// Follows the rows after this number.
    pub fn follow_audit(self: &Arc<Self>, _: Auditor, filter: AuditFilter, after: i64) -> AuditFollower {
        AuditFollower { app: Arc::clone(self), filter, after }
    }
}

impl AuditFollower {
    /// The pause after an empty poll.
    pub const POLL_INTERVAL: Duration = Duration::from_millis(250);

    /// The number after which the next poll starts.
    pub fn after(&self) -> i64 {
        self.after
    }

    /// Returns the rows since the last poll, or the first of them. After an error nothing is lost: the next poll starts
    /// at the same place.
    pub async fn look(&mut self) -> Result<Vec<AuditRow>> {
        let tail = self.app.store.audit_tail().await?.id;
        if tail < self.after {
            let detail = format!(
                "the audit log ends at row {tail} now, and row {} was there before: an older copy was put in its place; \
                 `mcpchat audit verify` tells more",
                self.after
            );
            return Err(Error::Conflict { code: "audit_log_shrank", detail });
        }
        if tail == self.after {
            return Ok(Vec::new());
        }
        let rows = self.app.store.audit_rows(&self.filter, (self.after, tail), End::First, STEP).await?;
        // A page that is not full covers everything up to the tail, including rows that the filter hides.
        let is_full = rows.len() == STEP as usize;
        self.after = rows.last().filter(|_| is_full).map_or(tail, |row| row.id);
        Ok(rows)
    }
}
