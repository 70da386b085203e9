//! Following a turn. JSON, SSE and the terminal are ways to drain the same reader.

use std::sync::Arc;

use super::admitted::Admitted;
use crate::{
    event::{Done, Numbered, TurnEvent},
    live::Reader,
    model::{Author, Message, MessageState, Problem},
};

/// A turn that was accepted. Dropping it leaves the turn running.
pub struct Following {
    reader: Reader,
    /// The message that was stored.
    pub user_message: Message,
}

impl Following {
    pub(super) fn new(admitted: &Admitted) -> Self {
        let turn = &admitted.turn;
        Self {
            reader: Arc::clone(&admitted.running.log).follow(0),
            user_message: Message {
                id: turn.user_message_id,
                conversation_id: turn.conversation_id,
                turn_id: turn.id,
                role: Author::User,
                content: admitted.ask.content.clone(),
                state: MessageState::Complete,
                created_at: turn.created_at,
            },
        }
    }

    /// The next event; `None` after the last.
    pub async fn next(&mut self) -> Option<Numbered> {
        self.reader.next().await
    }

    /// Waits for the end. Errors: why the turn failed.
    pub async fn end(mut self) -> Result<(Message, Done), Box<Problem>> {
        let last = self.reader.last().await;
        match last {
            TurnEvent::Done(done) => Ok((self.user_message, *done)),
            TurnEvent::Error(problem) => Err(problem),
            TurnEvent::Turn(_) | TurnEvent::Delta(_) => unreachable!("neither is a last event"),
        }
    }
}
