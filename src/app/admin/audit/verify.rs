//! Verification of the audit log: the database's, or an export.

use std::io::{self, BufRead, Read};

use serde::Serialize;

use super::{
    App, Auditor, Error, PAGE, Result,
    chain::{Finding, Walk},
    checkpoint::Evidence,
};
use crate::{model::AuditRow, store::FoundRow};

/// The longest line that is read, which bounds memory; no row is longer.
const LONGEST_LINE: u64 = 4 * 1024 * 1024;

/// The result of a verification.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Verified {
    /// Whether nothing is wrong.
    pub verified: bool,
    /// How many rows are as they should be, up to what is wrong.
    pub rows: u64,
    pub first_row: Option<i64>,
    pub last_row: Option<i64>,
    pub last_hash: Option<String>,
    /// The last checkpoint that the log agrees with.
    pub checkpoint: Option<i64>,
    /// What is wrong first: with the chain, and with the checkpoints.
    pub findings: Vec<Finding>,
    /// What could not be looked at.
    pub notes: Vec<&'static str>,
}

impl App {
    /// Recomputes the chain, from the first row to the current last. `evidence`: `None` for the configured file. `seen`
    /// is called with the last row done and the last row of all.
    pub async fn verify_audit(
        &self,
        _: Auditor,
        evidence: Option<Evidence>,
        mut seen: impl FnMut(i64, i64),
    ) -> Result<Verified> {
        let running = |_| Error::Conflict {
            code: "verification_running",
            detail: "the audit log is being verified already; try again when that has ended".into(),
        };
        let _alone = self.audit.verifying.try_lock().map_err(running)?;
        let end = self.store.audit_tail().await?.id;
        let mut evidence = match evidence {
            Some(evidence) => evidence,
            None => self.audit.checkpoints.evidence(end)?,
        };
        let mut walk = Walk::from_the_first(std::mem::take(&mut evidence.checkpoints));
        let mut outcome = Ok(());
        // Numbers below 1 too: rows may have been inserted there.
        let mut page = self.store.audit_page(i64::MIN, end, PAGE).await?;
        while let (Ok(()), Some(last)) = (&outcome, page.last().map(|found| found.id)) {
            // The next page is read while this one is verified.
            let computing = tokio::task::spawn_blocking(move || steps(walk, page));
            page = self.store.audit_page(last, end, PAGE).await?;
            (walk, outcome) = computing.await.map_err(|error| Error::Internal(error.to_string()))?;
            seen(last, end);
        }
        let outcome = outcome.and_then(|()| walk.end());
        Ok(Verified::of(&walk, outcome, evidence))
    }
}

impl App {
    /// Verifies the last rows only.
    pub(in crate::app) async fn verify_end_of_audit(&self, rows: u32) -> Result<Verified> {
        let end = self.store.audit_tail().await?.id;
        let mut evidence = self.audit.checkpoints.evidence(end)?;
        let walk = Walk::from_anywhere(std::mem::take(&mut evidence.checkpoints));
        let page = self.store.audit_page(end - i64::from(rows), end, rows).await?;
        let (mut walk, outcome) = steps(walk, page);
        let outcome = outcome.and_then(|()| walk.end());
        Ok(Verified::of(&walk, outcome, evidence))
    }
}

fn steps(mut walk: Walk, page: Vec<FoundRow>) -> (Walk, std::result::Result<(), Finding>) {
    let outcome = page.into_iter().try_for_each(|found| walk.step(found));
    (walk, outcome)
}

/// Verifies an export, without a database.
pub fn verify_export(mut export: impl BufRead, mut evidence: Evidence) -> io::Result<Verified> {
    let mut walk = Walk::from_anywhere(std::mem::take(&mut evidence.checkpoints));
    let (mut line, mut number) = (Vec::new(), 0);
    loop {
        line.clear();
        number += 1;
        if export.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line)? == 0 {
            let outcome = walk.end();
            return Ok(Verified::of(&walk, outcome, evidence));
        }
        if let Err(finding) = walk.step(found_in(&line, number, &walk)) {
            return Ok(Verified::of(&walk, Err(finding), evidence));
        }
    }
}

/// Parses a line. One that is no row takes the number that is due, so that the finding names it.
fn found_in(line: &[u8], number: u64, walk: &Walk) -> FoundRow {
    match serde_json::from_slice::<AuditRow>(line) {
        Ok(row) => FoundRow { id: row.id, row: Ok(row) },
        Err(error) => FoundRow { id: walk.due(), row: Err(format!("line {number} is no row: {error}")) },
    }
}

impl Verified {
    fn of(walk: &Walk, outcome: std::result::Result<(), Finding>, evidence: Evidence) -> Self {
        let findings: Vec<Finding> = outcome.err().into_iter().chain(evidence.finding).collect();
        let mut notes = Vec::new();
        if walk.start.is_some() {
            notes.push("the rows before the first one are not in the export and were not verified");
        }
        if evidence.is_lacking && findings.is_empty() {
            notes.push(
                "there are no checkpoints to compare with, so a truncated end or a completely recomputed log cannot be \
                 detected; `[audit] checkpoint_file` has them written",
            );
        }
        let seen = (walk.rows > 0).then(|| walk.tail());
        Self {
            verified: findings.is_empty(),
            rows: walk.rows,
            first_row: seen.map(|_| walk.start.unwrap_or(1)),
            last_row: seen.map(|tail| tail.id),
            last_hash: seen.map(|tail| tail.hash.to_string()),
            checkpoint: walk.proven,
            findings,
            notes,
        }
    }
}
