//! A turn that runs in this process, and how much of it is in Redis and in the database.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use parking_lot::{Mutex, MutexGuard};
use tokio_util::sync::CancellationToken;

use super::{EventLog, RunningTurn, stream_publisher::StreamPosition};
use crate::{
    event::{Started, TURN_SEQ},
    model::{Pieces, TurnId},
};

/// When a draft of the reply is due: after this time, or after this many bytes, whichever comes first.
const DRAFT_AFTER: Duration = Duration::from_secs(2);
const DRAFT_BYTES: usize = 4 * 1024;
/// A long reply is stored in larger steps, a quarter of itself: else the cost would grow with the square of its length.
const DRAFT_SHARE: usize = 4;
/// No stream is begun for a turn that is younger: most readers are here, and a short turn is over by then.
const STREAM_AFTER: Duration = Duration::from_millis(100);
/// Nor for one that only waits for its end to be stored, unless that takes longer than this.
const STREAM_WHOLE_AFTER: Duration = Duration::from_secs(1);

pub struct Running {
    pub note: RunningTurn,
    pub log: Arc<EventLog>,
    /// Ends the turn; the reply so far is kept.
    pub cancel: CancellationToken,
    /// Another process has ended the turn, believing this one gone.
    pub lease_lost: CancellationToken,
    began: Instant,
    place: Mutex<StreamPosition>,
    kept: Mutex<Kept>,
}

/// How much of the reply the database has.
#[derive(Clone, Copy)]
pub(super) struct Kept {
    pub(super) seq: u64,
    pub(super) bytes: usize,
    at: Instant,
}

/// A partial reply, for the database.
pub struct Draft {
    pub turn: TurnId,
    pub text: String,
    pub pieces: Pieces,
    seq: u64,
}

impl Running {
    pub(super) fn new(note: RunningTurn, started: Started) -> Self {
        let began = Instant::now();
        Self {
            note,
            log: EventLog::new(started),
            cancel: CancellationToken::new(),
            lease_lost: CancellationToken::new(),
            began,
            place: Mutex::default(),
            kept: Mutex::new(Kept { seq: TURN_SEQ, bytes: 0, at: began }),
        }
    }

    /// The draft to be stored, if it is due.
    pub(super) fn draft(&self) -> Option<Draft> {
        let kept = self.kept();
        let more = self.log.size() - kept.bytes;
        let is_due = more >= DRAFT_BYTES.max(kept.bytes / DRAFT_SHARE) || kept.at.elapsed() >= DRAFT_AFTER;
        if more == 0 || !is_due || self.log.is_whole() {
            return None;
        }
        let (seq, text, pieces) = self.log.emitted();
        Some(Draft { turn: self.note.turn_id, text, pieces, seq })
    }

    /// Marks a draft as stored.
    pub fn keep(&self, draft: &Draft) {
        let now = Kept { seq: draft.seq, bytes: draft.text.len(), at: Instant::now() };
        *self.kept.lock() = now;
    }

    pub(super) fn kept(&self) -> Kept {
        *self.kept.lock()
    }

    pub(super) fn place(&self) -> MutexGuard<'_, StreamPosition> {
        self.place.lock()
    }

    /// Whether its stream is due for a write.
    pub(super) fn has_news(&self) -> bool {
        let place = self.place();
        if place.is_begun() {
            return place.lacks(&self.log);
        }
        let after = if self.log.is_whole() { STREAM_WHOLE_AFTER } else { STREAM_AFTER };
        place.lacks(&self.log) && self.began.elapsed() >= after
    }
}
