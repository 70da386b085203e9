//! Following the audit log: numbers have no gaps and become visible in order, so whoever remembers the last one misses
//! nothing and sees nothing twice, over restarts of whatever there is.

use std::{sync::Arc, time::Duration};

use super::{App, Auditor, Error, Result};
use crate::{
    model::AuditRow,
    store::{AuditFilter, End},
};

/// Rows given at once.
const STEP: u32 = 200;

/// A place in the log that moves on.
pub struct AuditFollower {
    app: Arc<App>,
    filter: AuditFilter,
    after: i64,
}

impl App {
    /// From behind the row with this number on.
    pub fn follow_audit(self: &Arc<Self>, _: Auditor, filter: AuditFilter, after: i64) -> AuditFollower {
        AuditFollower { app: Arc::clone(self), filter, after }
    }
}

impl AuditFollower {
    /// How long to wait after a look at which there was nothing.
    pub const POLL_INTERVAL: Duration = Duration::from_millis(250);

    /// The number behind which the next look starts.
    pub fn after(&self) -> i64 {
        self.after
    }

    /// The rows that have come since the last look, or the first of them; none if there are none. After an error nothing
    /// is lost: the next look starts where this one did.
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
        // A page that is not full has seen everything up to the tail, also what the filter keeps back.
        let is_full = rows.len() == STEP as usize;
        self.after = rows.last().filter(|_| is_full).map_or(tail, |row| row.id);
        Ok(rows)
    }
}
