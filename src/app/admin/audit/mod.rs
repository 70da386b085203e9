//! The audit log as it is read: in pages, followed, exported, and verified. Writing it is part of the acts themselves
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
pub(in crate::app) use self::{checkpoints::Checkpoints, refused::Refusals};
use crate::{
    app::{App, Auditor, Error, Result},
    model::{AuditRow, Cursor, Page},
    store::{AuditFilter, End},
};

/// Rows that are read at once where all are wanted.
const PAGE: u32 = 5_000;

impl App {
    /// Before the process ends: what was counted is written down, and what was written is signed.
    pub(in crate::app) async fn finish_audit(&self) {
        self.record_last_refusals().await;
        self.write_last_checkpoint().await;
    }

    /// The rows with numbers over `after`, in order.
    pub async fn audit_rows(&self, _: Auditor, filter: &AuditFilter, after: i64, limit: u32) -> Result<Page<AuditRow>> {
        let rows = self.store.audit_rows(filter, (after, i64::MAX), End::First, limit + 1).await?;
        Ok(Page::of(rows, limit, |row| Cursor::Position { p: row.id }))
    }

    /// The last rows, in order, and who goes on from there.
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

    /// Gives all rows of a time, a page at a time, so that a log of any length fits into memory. The rows are an unbroken
    /// part of the chain.
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
