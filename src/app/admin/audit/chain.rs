//! Verification of the audit log's hash chain, row by row from the first, against its checkpoints. Pure; only the first
//! finding is reported, because nothing after it can be trusted.

use serde::Serialize;

use super::checkpoint::Checkpoint;
use crate::{
    model::{AuditRow, words},
    store::{AuditTail, FoundRow},
};

words! {
    /// A kind of tampering, as far as it can be detected.
    Tampering {
        /// A row's hash is not that of its content.
        Edited = "edited",
        Missing = "missing",
        Inserted = "inserted",
        Swapped = "swapped",
        /// A row with a valid hash of its own that does not follow the one before.
        Unlinked = "unlinked",
        Unreadable = "unreadable",
        /// The log ends before a checkpoint.
        CutTail = "cut_tail",
        /// The chain is consistent, but differs from a checkpoint.
        Recomputed = "recomputed",
        /// A line of the checkpoint file that is no checkpoint, or not signed by a trusted key.
        BadCheckpoint = "bad_checkpoint",
        /// Checkpoints are missing.
        NoCheckpoints = "no_checkpoints",
    }
}

/// The first thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Finding {
    /// The number of the row.
    pub row: i64,
    #[schema(value_type = String)]
    pub kind: Tampering,
    pub detail: String,
}

impl Finding {
    pub(super) fn new(row: i64, kind: Tampering, detail: String) -> Self {
        Self { row, kind, detail }
    }
}

/// A pass over the chain. One row is held back, because the next one shows what happened to it.
pub(super) struct Walk {
    /// The last verified row.
    tail: AuditTail,
    /// The first row, if not the beginning of the log.
    pub start: Option<i64>,
    held: Option<FoundRow>,
    pub rows: u64,
    /// Sorted by row.
    checkpoints: std::vec::IntoIter<Checkpoint>,
    /// The row of the last matched checkpoint.
    pub proven: Option<i64>,
    may_start_anywhere: bool,
}

impl Walk {
    /// Verifies a whole log.
    pub fn from_the_first(checkpoints: Vec<Checkpoint>) -> Self {
        let tail = AuditTail::origin();
        let mut checkpoints = checkpoints;
        checkpoints.sort_by_key(|checkpoint| checkpoint.row);
        let checkpoints = checkpoints.into_iter();
        Self { tail, start: None, held: None, rows: 0, checkpoints, proven: None, may_start_anywhere: false }
    }

    /// Verifies a part of a log, which may begin after the first row.
    pub fn from_anywhere(checkpoints: Vec<Checkpoint>) -> Self {
        Self { may_start_anywhere: true, ..Self::from_the_first(checkpoints) }
    }

    pub fn tail(&self) -> &AuditTail {
        &self.tail
    }

    /// The number of the row that should come next.
    pub fn due(&self) -> i64 {
        self.tail.id + 1 + i64::from(self.held.is_some())
    }

    /// Adds the next row.
    pub fn step(&mut self, next: FoundRow) -> Result<(), Finding> {
        match self.held.take() {
            Some(held) => self.pass(held, Some(&next))?,
            None => self.enter(&next),
        }
        self.held = Some(next);
        Ok(())
    }

    /// Ends the log: no checkpoint may lie beyond it.
    pub fn end(&mut self) -> Result<(), Finding> {
        if let Some(held) = self.held.take() {
            self.pass(held, None)?;
        }
        let Some(beyond) = self.checkpoints.next() else { return Ok(()) };
        let (last, at) = (self.tail.id, beyond.at);
        let detail = format!(
            "the log ends at row {last}, but a checkpoint was made at row {} on {at}: its end was truncated",
            beyond.row
        );
        Err(Finding::new(last + 1, Tampering::CutTail, detail))
    }

    fn enter(&mut self, first: &FoundRow) {
        let (true, Ok(row)) = (self.may_start_anywhere && first.id > 1, &first.row) else { return };
        self.tail = AuditTail { id: row.id - 1, hash: row.previous_hash.clone() };
        self.start = Some(row.id);
        // Earlier checkpoints cannot be compared.
        let later: Vec<_> = self.checkpoints.by_ref().filter(|checkpoint| checkpoint.row >= row.id).collect();
        self.checkpoints = later.into_iter();
    }

    fn pass(&mut self, found: FoundRow, next: Option<&FoundRow>) -> Result<(), Finding> {
        self.in_order(&found, next)?;
        let unreadable =
            |why| Finding::new(found.id, Tampering::Unreadable, format!("row {} cannot be read: {why}", found.id));
        let row = found.row.map_err(unreadable)?;
        let (is_linked, is_sound) = (row.previous_hash == self.tail.hash, row.digest() == row.hash);
        match (is_linked, is_sound) {
            (true, true) => {}
            (false, true) => return Err(unlinked(&row)),
            (_, false) => return Err(explain(&row, next, &self.tail)),
        }
        self.tail = AuditTail { id: row.id, hash: row.hash };
        self.rows += 1;
        self.compare()
    }

    fn in_order(&self, found: &FoundRow, next: Option<&FoundRow>) -> Result<(), Finding> {
        let (id, expected) = (found.id, self.tail.id + 1);
        if id == expected {
            return Ok(());
        }
        let (row, kind, detail) = if id < expected {
            (id, Tampering::Inserted, format!("row {id} was inserted: row {expected} is due"))
        } else if next.is_some_and(|next| next.id == expected) {
            (expected, Tampering::Swapped, format!("rows {expected} and {id} are swapped"))
        } else if id == expected + 1 {
            (expected, Tampering::Missing, format!("row {expected} is missing"))
        } else {
            (expected, Tampering::Missing, format!("rows {expected} to {} are missing", id - 1))
        };
        Err(Finding::new(row, kind, detail))
    }

    /// Compares the tail with the checkpoints of its row.
    fn compare(&mut self) -> Result<(), Finding> {
        while let Some(checkpoint) = self.checkpoints.as_slice().first().filter(|next| next.row <= self.tail.id) {
            if checkpoint.row < self.tail.id || checkpoint.hash != self.tail.hash {
                return Err(self.recomputed(checkpoint));
            }
            self.proven = Some(checkpoint.row);
            self.checkpoints.next();
        }
        Ok(())
    }

    fn recomputed(&self, checkpoint: &Checkpoint) -> Finding {
        let (row, since) = (checkpoint.row, self.proven.or(self.start).unwrap_or(0));
        let detail = format!(
            "row {row} is not the one of the checkpoint of {}: the chain was computed anew, from somewhere after row {since}",
            checkpoint.at
        );
        Finding::new(row, Tampering::Recomputed, detail)
    }
}

fn unlinked(row: &AuditRow) -> Finding {
    let (id, before) = (row.id, row.id - 1);
    let detail = format!(
        "row {id} does not follow row {before}: its previous hash is another one, so one of the two was replaced together with its hash"
    );
    Finding::new(id, Tampering::Unlinked, detail)
}

/// Names the tampering by the number that a row's hash was computed with.
fn explain(row: &AuditRow, next: Option<&FoundRow>, tail: &AuditTail) -> Finding {
    let id = row.id;
    let was = |row: &AuditRow, number: i64| row.digest_as(number) == row.hash;
    let next = next.and_then(|next| next.row.as_ref().ok());
    let next_was_here = next.is_some_and(|next| was(next, id));
    if was(row, id + 1) && next_was_here {
        let detail = format!("rows {id} and {} are swapped", id + 1);
        return Finding::new(id, Tampering::Swapped, detail);
    }
    if was(row, id + 1) {
        let detail = format!("row {id} is missing: the rows after it were given new numbers");
        return Finding::new(id, Tampering::Missing, detail);
    }
    if row.hash == tail.hash {
        return Finding::new(id, Tampering::Inserted, format!("row {id} was inserted: it is a copy of the one before"));
    }
    if was(row, id - 1) {
        let detail = format!("row {} was inserted: the rows after it were given new numbers", id - 1);
        return Finding::new(id - 1, Tampering::Inserted, detail);
    }
    if next_was_here {
        let detail = format!("row {id} was inserted: the rows after it were given new numbers");
        return Finding::new(id, Tampering::Inserted, detail);
    }
    Finding::new(id, Tampering::Edited, format!("row {id} was changed: its hash is not that of its content"))
}
