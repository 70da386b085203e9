//! Reading the audit log: pages, following, export and verification. Rows are written by the acts themselves
//! (`store::Audited`).

mod chain;
mod checkpoint;
mod checkpoints;
mod follow;
mod refused;
mod verify;

use std::sync::Arc;

pub use self::{
    checkpoint::Evidence,
    follow::AuditFollower,
    verify::{Verified, verify_export},
};
use self::{checkpoints::Checkpoints, refused::Refusals};
use crate::{
    app::{App, Auditor, Error, Result},
    config,
    model::{AuditRow, Cursor, Page},
    store::{AuditFilter, End, Store},
};

/// Rows per page of a full read.
const PAGE: u32 = 5_000;

/// What a process keeps beside the audit log in the database.
pub(in crate::app) struct AuditLog {
    checkpoints: Arc<Checkpoints>,
    /// Refused attempts without a row of their own.
    refusals: Refusals,
    /// Held by the one verification there may be at a time.
    verifying: tokio::sync::Mutex<()>,
}

impl AuditLog {
    /// With it the store that tells the checkpoints of every committed row.
    pub(in crate::app) fn new(config: &config::Audit, store: Store) -> Result<(Self, Store)> {
        let checkpoints = Arc::new(Checkpoints::new(config, &store)?);
        let store = match checkpoints.witness() {
            Some(hook) => store.with_commit_hook(hook),
            None => store,
        };
        Ok((Self { checkpoints, refusals: Refusals::default(), verifying: tokio::sync::Mutex::default() }, store))
    }
}

impl App {
    /// Writes the counted refusals and signs the last row, before the process ends.
    pub(in crate::app) async fn finish_audit(&self) {
        self.record_last_refusals().await;
        self.write_last_checkpoint().await;
    }

    /// The rows after number `after`, in order.
    pub async fn audit_rows(&self, _: Auditor, filter: &AuditFilter, after: i64, limit: u32) -> Result<Page<AuditRow>> {
        let rows = self.store.audit_rows(filter, (after, i64::MAX), End::First, limit + 1).await?;
        Ok(Page::of(rows, limit, |row| Cursor::Position { p: row.id }))
    }

    /// The last rows, in order, and a follower of those after them.
    pub async fn last_audit_rows(
        self: &Arc<Self>,
        auditor: Auditor,
        filter: AuditFilter,
        count: u32,
    ) -> Result<(Vec<AuditRow>, AuditFollower)> {
        let upto = self.store.audit_tail().await?.id;
        let rows = self.store.audit_rows(&filter, (0, upto), End::Last, count).await?;
        Ok((rows, self.follow_audit(auditor, filter, upto)))
    }

    /// Writes all rows of a time range, page by page, so that memory is bounded. The rows are a contiguous part of the
    /// chain.
    pub async fn export_audit(
        &self,
        _: Auditor,
        filter: &AuditFilter,
        mut write: impl FnMut(&AuditRow) -> std::io::Result<()>,
    ) -> Result<std::io::Result<u64>> {
        let (mut after, upto) = self.store.audit_range(filter.since, filter.until).await?;
        let mut count = 0;
        loop {
            let page = self.store.audit_page(after, upto, PAGE).await?;
            let Some(last) = page.last() else { return Ok(Ok(count)) };
            after = last.id;
            for found in page {
                let row = found.row.map_err(|why| unreadable(found.id, &why))?;
                if let Err(error) = write(&row) {
                    return Ok(Err(error));
                }
                count += 1;
            }
        }
    }
}

fn unreadable(id: i64, why: &str) -> Error {
    Error::Internal(format!("row {id} of the audit log cannot be read ({why}); `mcpchat audit verify` tells more"))
}
