//! Telling a turn again from the database: the events as they were told first, for the text was stored together with how
//! it was cut. Whoever has seen more than was stored, because the process that told it died, gets what is stored as a
//! snapshot.

use super::{App, Result, error::stored_problem};
use crate::{
    event::{Delta, Done, Numbered, Started, TurnEvent},
    model::{Author, Message, MessageState, Pieces, Turn, TurnState, Usage, UserId},
};

impl App {
    /// What there is to tell, after a number, about a turn that has ended.
    pub(super) async fn retell(&self, user: UserId, turn: Turn, after: u64) -> Result<Vec<Numbered>> {
        let message = self.store.message(user, turn.assistant_message_id).await?;
        let message = message.unwrap_or_else(|| nothing_said(&turn));
        let pieces = self.store.written(turn.id).await?.and_then(|written| written.pieces);
        let deltas = pieces.as_ref().and_then(|pieces| deltas(pieces, &message.content));
        let (first, is_interrupted) = (TurnEvent::Turn(Started::of(&turn)), turn.state == TurnState::Interrupted);
        let snapshot = TurnEvent::Snapshot(Delta { text: message.content.clone() });
        let last = last_event(turn, message);
        let Some(deltas) = deltas else { return Ok(numbered(after, [first, snapshot, last])) };
        let last_seq = 2 + deltas.len() as u64;
        Ok(if after < last_seq {
            let last = Numbered { seq: last_seq, event: last };
            let all = [Numbered { seq: 1, event: first }].into_iter().chain(deltas).chain([last]);
            all.filter(|numbered| numbered.seq > after).collect()
        } else if is_interrupted {
            numbered(after, [snapshot, last])
        } else {
            numbered(after, [last])
        })
    }
}

/// The deltas of a text, numbered; `None` if it was not cut so.
pub(super) fn deltas(pieces: &Pieces, text: &str) -> Option<Vec<Numbered>> {
    let delta = |text: &str| TurnEvent::Delta(Delta { text: text.to_owned() });
    let pieces = pieces.of(text)?;
    Some((2..).zip(pieces).map(|(seq, piece)| Numbered { seq, event: delta(piece) }).collect())
}

/// Events that go on after a number.
pub(super) fn numbered(after: u64, events: impl IntoIterator<Item = TurnEvent>) -> Vec<Numbered> {
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

/// The reply of a turn that ended before its first word: it is not stored.
fn nothing_said(turn: &Turn) -> Message {
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
