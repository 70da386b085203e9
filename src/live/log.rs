//! Event log of one running turn: append-only text that any number of readers follow at their own pace. A reader holds
//! a position, not a queue, so a slow one costs nothing and delays no other; the log is only as large as the reply.
//!
//! Provider text is coalesced into events before they are numbered: the first text and any after a pause at once, the
//! rest at most every 25 ms or by the KiB. So the events are the same for every reader on every replica, and as few as
//! possible without a visible delay.

#![cfg_attr(test, expect(clippy::disallowed_methods, reason = "tests run tasks side by side"))]

use std::{convert::Infallible, sync::Arc, time::Duration};

use parking_lot::{Mutex, MutexGuard};
use tokio::{
    sync::{Notify, watch},
    time::{Instant, sleep_until},
};

use crate::{
    event::{Delta, Numbered, Started, TURN_SEQ, TurnEvent, delta_seq, end_seq, first_delta_after, last_delta_seq},
    model::Pieces,
};

/// The minimum interval between two events, unless one is large.
const EVERY: Duration = Duration::from_millis(25);
const LARGE: usize = 1024;

/// The event log of a turn; only the turn's task writes to it.
pub struct EventLog {
    state: Mutex<State>,
    /// How many events there are.
    length: watch::Sender<u64>,
    /// Notified when there is text that is not an event yet.
    waiting: Notify,
}

struct State {
    started: Started,
    text: String,
    /// Where in `text` each delta ends. Text after the last end is pending.
    ends: Vec<usize>,
    cut_at: Option<Instant>,
    is_whole: bool,
    /// The stored text, where it differs from the emitted one; emitted before the end.
    correction: Option<String>,
    last: Option<TurnEvent>,
}

impl State {
    fn cut(&self) -> usize {
        self.ends.last().copied().unwrap_or_default()
    }

    /// Makes an event of the pending text; `false` if there is none.
    fn make_event(&mut self, now: Instant) -> bool {
        let end = self.text.len();
        let waits = end > self.cut();
        if waits {
            self.ends.push(end);
            self.cut_at = Some(now);
        }
        waits
    }

    /// The number of the last event, if the turn has ended.
    fn end(&self) -> Option<u64> {
        let corrections = u64::from(self.correction.is_some());
        self.last.as_ref().map(|_| end_seq(self.ends.len()) + corrections)
    }

    fn delta(&self, index: usize) -> &str {
        let start = if index == 0 { 0 } else { self.ends[index - 1] };
        &self.text[start..self.ends[index]]
    }
}

impl EventLog {
    /// A log with its first event.
    pub fn new(started: Started) -> Arc<Self> {
        let state = State {
            started,
            text: String::new(),
            ends: Vec::new(),
            cut_at: None,
            is_whole: false,
            correction: None,
            last: None,
        };
        Arc::new(Self { state: Mutex::new(state), length: watch::Sender::new(TURN_SEQ), waiting: Notify::new() })
    }

    /// Appends a piece of the reply. It becomes an event at once, or soon by `flush_when_due`, which has to be running.
    pub fn push(&self, text: &str) {
        self.push_at(Instant::now(), text);
    }

    fn push_at(&self, now: Instant, text: &str) {
        let mut state = self.state();
        state.text.push_str(text);
        let is_due = state.cut_at.is_none_or(|at| now >= at + EVERY) || state.text.len() - state.cut() >= LARGE;
        if !is_due {
            drop(state);
            self.waiting.notify_one();
        } else if state.make_event(now) {
            drop(state);
            self.length.send_modify(|length| *length += 1);
        }
    }

    /// Makes events of pending text when they are due. Never returns.
    pub async fn flush_when_due(&self) -> Infallible {
        loop {
            self.waiting.notified().await;
            let last = self.state().cut_at;
            if let Some(last) = last {
                sleep_until(last + EVERY).await;
            }
            self.cut(Instant::now());
        }
    }

    fn cut(&self, now: Instant) {
        if self.state().make_event(now) {
            self.length.send_modify(|length| *length += 1);
        }
    }

    /// Marks the text as complete; only the end may follow.
    pub fn close(&self) {
        self.cut(Instant::now());
        self.state().is_whole = true;
    }

    /// Appends the last event; before it the stored text, where it differs from the emitted one.
    pub fn end(&self, correction: Option<String>, last: TurnEvent) {
        let more = if correction.is_some() { 2 } else { 1 };
        let mut state = self.state();
        (state.correction, state.last) = (correction, Some(last));
        drop(state);
        self.length.send_modify(|length| *length += more);
    }

    /// The number of the last delta, the reply up to there, and its pieces.
    pub fn emitted(&self) -> (u64, String, Pieces) {
        let state = self.state();
        let seq = last_delta_seq(state.ends.len());
        (seq, state.text[..state.cut()].to_owned(), Pieces::ending_at(&state.ends))
    }

    /// How many bytes of the reply have become events.
    pub(super) fn size(&self) -> usize {
        self.state().cut()
    }

    /// The number of the last delta there is; 1 while there is none.
    pub(super) fn last_delta(&self) -> u64 {
        last_delta_seq(self.state().ends.len())
    }

    /// Whether only the end is missing.
    pub(super) fn is_whole(&self) -> bool {
        self.state().is_whole
    }

    /// The deltas after a number, at most `most`.
    pub(super) fn deltas(&self, after: u64, most: usize) -> Vec<(u64, String)> {
        let state = self.state();
        let first = first_delta_after(after);
        let numbers = (first..state.ends.len()).take(most);
        numbers.map(|index| (delta_seq(index), state.delta(index).to_owned())).collect()
    }

    /// The last event with its number, unless the stored text differs from the emitted one.
    pub(super) fn last(&self) -> Option<(u64, TurnEvent)> {
        let state = self.state();
        let last = state.last.clone().filter(|_| state.correction.is_none())?;
        Some((end_seq(state.ends.len()), last))
    }

    /// Follows from after event `after`; 0 is the beginning. Events that are not there yet count as unseen, and so does
    /// the end: a reader that has seen it receives it again, rather than wait for ever.
    pub fn follow(self: &Arc<Self>, after: u64) -> Reader {
        let length = self.length.subscribe();
        let there = self.state().end().map_or_else(|| *length.borrow(), |end| end - 1);
        let seen = after.min(there);
        Reader { log: Arc::clone(self), length, seen }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    fn event(&self, seq: u64) -> Option<TurnEvent> {
        let state = self.state();
        if seq <= TURN_SEQ {
            return (seq == TURN_SEQ).then(|| TurnEvent::Turn(state.started.clone()));
        }
        let index = first_delta_after(seq - 1);
        if index < state.ends.len() {
            return Some(TurnEvent::Delta(Delta { text: state.delta(index).to_owned() }));
        }
        match (&state.correction, index - state.ends.len()) {
            (Some(text), 0) => Some(TurnEvent::Snapshot(Delta { text: text.clone() })),
            (None, 0) | (Some(_), 1) => state.last.clone(),
            _ => None,
        }
    }
}

/// A reader's position in a log.
pub struct Reader {
    log: Arc<EventLog>,
    length: watch::Receiver<u64>,
    seen: u64,
}

impl Reader {
    /// Waits for the next event; `None` after the last. Cancel-safe.
    pub async fn next(&mut self) -> Option<Numbered> {
        let wanted = self.seen + 1;
        self.length.wait_for(|length| *length >= wanted).await.ok();
        let event = self.log.event(wanted)?;
        self.seen = wanted;
        if event.is_last() {
            // Nothing comes after it: the next call must not wait.
            self.length = closed();
        }
        Some(Numbered { seq: wanted, event })
    }

    /// Waits for the last event.
    pub async fn last(&mut self) -> TurnEvent {
        let log = Arc::clone(&self.log);
        let ended = self.length.wait_for(|_| log.state().last.is_some()).await.map(drop);
        ended.expect("the log, and with it the sender, is held by this reader");
        self.log.state().last.clone().expect("it was just seen")
    }
}

fn closed() -> watch::Receiver<u64> {
    watch::channel(0).1
}

#[cfg(test)]
mod tests {
    use tokio::time::timeout;

    use super::*;
    use crate::model::{ConversationId, MessageId, Problem, TurnId};

    fn log() -> Arc<EventLog> {
        EventLog::new(Started {
            turn_id: TurnId::new(),
            conversation_id: ConversationId::new(),
            user_message_id: MessageId::new(),
            assistant_message_id: MessageId::new(),
            model: "m".into(),
        })
    }

    fn last() -> TurnEvent {
        TurnEvent::Error(Box::new(Problem {
            kind: String::new(),
            title: String::new(),
            status: 502,
            detail: String::new(),
            code: String::new(),
            request_id: String::new(),
            errors: Vec::new(),
            extensions: serde_json::Map::new(),
        }))
    }

    #[tokio::test]
    async fn early_or_late_readers_see_all_events_once_in_order() {
        let log = log();
        let early = tokio::spawn(drain(log.follow(0)));
        let start = Instant::now();
        log.push_at(start, "Hel");
        let middle = tokio::spawn(drain(log.follow(0)));
        tokio::task::yield_now().await;
        log.push_at(start + EVERY, "lo ✓");
        log.end(None, last());
        let late = drain(log.follow(0)).await;
        assert_eq!(late, (vec![1, 2, 3, 4], "Hello ✓".to_owned()));
        assert_eq!(early.await.unwrap(), late);
        assert_eq!(middle.await.unwrap(), late);
        assert_eq!(drain(log.follow(2)).await, (vec![3, 4], "lo ✓".to_owned()));
        assert_eq!(log.deltas(2, 9), [(3, "lo ✓".to_owned())]);
        assert_eq!(log.last().unwrap().0, 4);
    }

    #[tokio::test]
    async fn fast_text_is_told_together_and_slow_text_at_once() {
        let log = log();
        let words = |log: &EventLog| log.deltas(1, 99).into_iter().map(|(_, text)| text).collect::<Vec<_>>();
        let start = Instant::now();
        log.push_at(start, "one ");
        log.push_at(start, "two ");
        log.push_at(start + EVERY / 2, "three ");
        assert_eq!(words(&log), ["one "]);
        timeout(EVERY * 3, log.flush_when_due()).await.unwrap_err();
        assert_eq!(words(&log), ["one ", "two three "]);
        let later = Instant::now() + EVERY;
        log.push_at(later, "four ");
        assert_eq!(words(&log).len(), 3, "after a pause at once");
        let large = "x".repeat(LARGE);
        log.push_at(later, &large);
        assert_eq!(words(&log)[3], large);
        log.push_at(later, "end");
        log.close();
        assert_eq!(words(&log)[4..], ["end"]);
        let (_, text, pieces) = log.emitted();
        assert_eq!(pieces.of(&text).unwrap(), words(&log));
    }

    #[tokio::test]
    async fn a_reader_of_what_was_not_stored_is_corrected() {
        let log = log();
        log.push("told but not stored");
        log.end(Some("stored".into()), last());
        let mut reader = log.follow(2);
        let snapshot = reader.next().await.unwrap();
        assert!(matches!(snapshot.event, TurnEvent::Snapshot(Delta { text }) if text == "stored"));
        assert!(reader.next().await.unwrap().event.is_last());
        assert!(reader.next().await.is_none() && log.last().is_none());
    }

    async fn drain(mut reader: Reader) -> (Vec<u64>, String) {
        let (mut seqs, mut text) = (Vec::new(), String::new());
        while let Some(numbered) = reader.next().await {
            seqs.push(numbered.seq);
            if let TurnEvent::Delta(delta) = &numbered.event {
                text.push_str(&delta.text);
            }
        }
        (seqs, text)
    }
}
