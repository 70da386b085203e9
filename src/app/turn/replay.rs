//! Replay of a turn from the database: the same events as before, for the text is stored together with how it was cut.
//! A reader that has seen more than was stored, because the owner died, gets the stored text as a snapshot.

use crate::{
    app::{App, Result, error::stored_problem},
    event::{Delta, Done, Numbered, Started, TURN_SEQ, TurnEvent, delta_seq, end_seq},
    model::{Author, Message, MessageState, Pieces, Turn, Usage, UserId},
};

/// The most events that a process may have sent but not stored when it died; it stores several times a second.
const MAX_UNWRITTEN: u64 = 10_000;

/// The replayed events of a turn that has ended.
pub(in crate::app) struct Replayed {
    pub(in crate::app) events: Vec<Numbered>,
    /// The reader has seen the end, which alone is repeated.
    pub(in crate::app) is_known: bool,
}

impl App {
    /// The events after a number. The end always has the same number, so that a reader that has seen it is known by
    /// that; only where a reader may have seen more than was stored, snapshot and end follow what it has seen.
    pub(in crate::app) async fn replay(&self, user: UserId, turn: Turn, after: u64) -> Result<Replayed> {
        let message = self.store.message(user, turn.assistant_message_id).await?;
        let message = message.unwrap_or_else(|| empty_reply(&turn));
        let written = self.store.stored_draft(turn.id).await?;
        let was_taken_over = written.as_ref().is_some_and(|written| written.was_taken_over);
        let deltas = written.and_then(|written| deltas(&written.pieces?, &message.content));
        let is_cut = deltas.is_some();
        let first = TurnEvent::Turn(Started::of(&turn));
        let snapshot = TurnEvent::Snapshot(Delta { text: message.content.clone() });
        let last = last_event(turn, message);
        let deltas = deltas.unwrap_or_else(|| numbered(TURN_SEQ, [snapshot.clone()]));
        let last_seq = end_seq(deltas.len());
        let is_ahead = after >= last_seq || (!is_cut && after > TURN_SEQ);
        if was_taken_over && is_ahead && after <= last_seq + MAX_UNWRITTEN {
            return Ok(Replayed { events: numbered(after, [snapshot, last]), is_known: false });
        }
        let all = numbered(0, [first]).into_iter().chain(deltas).chain(numbered(last_seq - 1, [last]));
        let events = all.filter(|numbered| numbered.seq > after.min(last_seq - 1)).collect();
        Ok(Replayed { events, is_known: after >= last_seq })
    }
}

/// The deltas of a text, numbered; `None` if the cuts do not fit it.
pub(in crate::app) fn deltas(pieces: &Pieces, text: &str) -> Option<Vec<Numbered>> {
    let delta = |text: &str| TurnEvent::Delta(Delta { text: text.to_owned() });
    let pieces = pieces.of(text)?;
    let pieces = pieces.into_iter().enumerate();
    Some(pieces.map(|(index, piece)| Numbered { seq: delta_seq(index), event: delta(piece) }).collect())
}

/// Numbers events from `after` + 1.
pub(in crate::app) fn numbered(after: u64, events: impl IntoIterator<Item = TurnEvent>) -> Vec<Numbered> {
    let numbers = (1..).map(|step| after.saturating_add(step));
    numbers.zip(events).map(|(seq, event)| Numbered { seq, event }).collect()
}

fn last_event(turn: Turn, message: Message) -> TurnEvent {
    match &turn.error {
        Some(error) => TurnEvent::Error(Box::new(stored_problem(error, turn.id))),
        None => {
            let usage = turn.usage.unwrap_or(Usage::none());
            TurnEvent::Done(Box::new(Done { turn, message, usage }))
        }
    }
}

/// The empty reply of a turn that ended before its first text: it is not stored.
fn empty_reply(turn: &Turn) -> Message {
    Message {
        id: turn.assistant_message_id,
        conversation_id: turn.conversation_id,
        turn_id: turn.id,
        role: Author::Assistant,
        content: String::new(),
        state: MessageState::Partial,
        created_at: turn.finished_at.unwrap_or(turn.created_at),
    }
}
