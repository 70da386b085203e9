//! Following a turn. JSON, SSE, WebSocket and the terminal are ways to drain the same `Following`. A turn that runs in
//! this process is read from its log; one that has ended is told from the database, its text in one piece.

use std::{sync::Arc, time::Duration, vec};

use serde_json::Map;
use tokio::time::sleep;

use super::{App, Caller, Error, Result, admitted::Admitted, turn::started};
use crate::{
    event::{Delta, Done, Numbered, TurnEvent},
    live::Reader,
    model::{Author, Message, MessageState, Problem, Scope, Turn, TurnError, TurnId, TurnState, Usage},
};

/// Between two looks at a turn that runs in another process.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// A message that was accepted. Dropping it leaves the turn running.
pub struct Accepted {
    /// The message that was stored.
    pub user_message: Message,
    pub following: Following,
}

impl Accepted {
    pub(super) fn new(admitted: &Admitted) -> Self {
        let turn = &admitted.turn;
        Self {
            following: Following { turn_id: turn.id, source: Source::Here(admitted.running.log.follow(0)) },
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

    /// Waits for the end. Errors: why the turn failed.
    pub async fn end(self) -> std::result::Result<(Message, Done), Box<Problem>> {
        let Source::Here(mut reader) = self.following.source else { unreachable!("an accepted turn runs here") };
        match reader.last().await {
            TurnEvent::Done(done) => Ok((self.user_message, *done)),
            TurnEvent::Error(problem) => Err(problem),
            TurnEvent::Turn(_) | TurnEvent::Delta(_) | TurnEvent::Snapshot(_) => unreachable!("none is a last event"),
        }
    }
}

/// The events of one turn, from some place on. Dropping it leaves the turn running.
pub struct Following {
    turn_id: TurnId,
    source: Source,
}

enum Source {
    Here(Reader),
    /// Its log is in another process: nothing can be told before its end.
    Elsewhere(Box<Elsewhere>),
    Ended(vec::IntoIter<Numbered>),
}

struct Elsewhere {
    app: Arc<App>,
    caller: Caller,
    turn_id: TurnId,
    after: u64,
}

impl Following {
    pub fn turn_id(&self) -> TurnId {
        self.turn_id
    }

    /// The next event; `None` after the last. Safe to drop half-way.
    pub async fn next(&mut self) -> Option<Numbered> {
        loop {
            match &mut self.source {
                Source::Here(reader) => return reader.next().await,
                Source::Ended(events) => return events.next(),
                Source::Elsewhere(elsewhere) => self.source = Source::Ended(elsewhere.end().await),
            }
        }
    }
}

impl App {
    /// Follows a turn of the caller's from after event `after`; 0 is the beginning. Where the log is gone, the events go on
    /// from `after` with the turn, its whole text as a snapshot, and its end.
    pub async fn follow(self: &Arc<Self>, caller: &Caller, turn_id: TurnId, after: u64) -> Result<Following> {
        let user = caller.may(Scope::Read)?.id;
        let running = self.live.running(turn_id).filter(|running| running.note.user_id == user);
        if let Some(running) = running {
            return Ok(Following { turn_id, source: Source::Here(running.log.follow(after)) });
        }
        let turn = self.owned_turn(user, turn_id).await?;
        let source = if turn.state == TurnState::Running {
            let caller = caller.clone();
            Source::Elsewhere(Box::new(Elsewhere { app: Arc::clone(self), caller, turn_id, after }))
        } else {
            Source::Ended(self.told(caller, turn, after).await?)
        };
        Ok(Following { turn_id, source })
    }

    /// What there is to tell about a turn that has ended.
    async fn told(&self, caller: &Caller, turn: Turn, after: u64) -> Result<vec::IntoIter<Numbered>> {
        let message = self.store.message(caller.user().id, turn.assistant_message_id).await?;
        let message = message.unwrap_or_else(|| nothing_said(&turn));
        let first = TurnEvent::Turn(started(&turn));
        let snapshot = TurnEvent::Snapshot(Delta { text: message.content.clone() });
        let last = match &turn.error {
            Some(error) => TurnEvent::Error(Box::new(problem_of(error, turn.id))),
            None => {
                let usage = turn.usage.unwrap_or(Usage::none());
                TurnEvent::Done(Box::new(Done { turn, message, usage }))
            }
        };
        Ok(numbered(after, vec![first, snapshot, last]))
    }
}

impl Elsewhere {
    /// Waits until the turn has ended. While the database is away that cannot be known, and the wait goes on.
    async fn end(&self) -> vec::IntoIter<Numbered> {
        loop {
            match self.look().await {
                Ok(Some(events)) => return events,
                Ok(None) | Err(Error::DatabaseAway(_)) => sleep(LOOK_EVERY).await,
                Err(error) => {
                    let problem = TurnEvent::Error(Box::new(error.problem("")));
                    return numbered(self.after, vec![problem]);
                }
            }
        }
    }

    async fn look(&self) -> Result<Option<vec::IntoIter<Numbered>>> {
        let turn = self.app.turn(&self.caller, self.turn_id).await?;
        if turn.state == TurnState::Running {
            return Ok(None);
        }
        self.app.told(&self.caller, turn, self.after).await.map(Some)
    }
}

fn numbered(after: u64, events: Vec<TurnEvent>) -> vec::IntoIter<Numbered> {
    let numbers = (1..).map(|step| after.saturating_add(step));
    let events: Vec<Numbered> = numbers.zip(events).map(|(seq, event)| Numbered { seq, event }).collect();
    events.into_iter()
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

/// The turn's error as far as it was stored: the status that told it first was not.
fn problem_of(error: &TurnError, turn_id: TurnId) -> Problem {
    Problem {
        kind: format!("urn:mcpchat:problem:{}", error.code),
        title: "The turn failed".into(),
        status: 0,
        detail: error.detail.clone(),
        code: error.code.clone(),
        request_id: String::new(),
        errors: Vec::new(),
        extensions: Map::from_iter([("turn_id".to_owned(), turn_id.to_string().into())]),
    }
}
