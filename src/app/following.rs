//! Following a turn. JSON, SSE, WebSocket and the terminal are ways to drain the same `Following`. A turn that runs in
//! this process is read from its log; one that has ended is told from the database, its text in one piece.

use std::{sync::Arc, time::Duration, vec};

use futures_util::FutureExt;
use tokio::time::sleep;

use super::{
    App, Caller, Error, Origin, Result, admitted::Admitted, ask::Ask, cancelling::Leaving, error::stored_problem,
    turn::started,
};
use crate::{
    event::{Delta, Done, Numbered, TurnEvent},
    live::Reader,
    model::{Author, Message, MessageState, Problem, Scope, Turn, TurnId, TurnState, Usage},
};

/// Between two looks at a turn that runs in another process.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// A message that was accepted. Dropping it leaves the turn running.
pub struct Accepted {
    /// The message that was stored.
    pub user_message: Message,
    pub following: Following,
    /// An earlier request with the same idempotency key has started the turn.
    pub is_repeated: bool,
    request_id: String,
}

impl Accepted {
    pub(super) fn new(admitted: &Admitted) -> Self {
        let following = Following::of(admitted.turn.id, Source::Here(admitted.running.log.follow(0)));
        let user_message = message_of(&admitted.turn, &admitted.ask);
        Self { user_message, following, is_repeated: false, request_id: admitted.request_id.clone() }
    }

    /// The turn that an earlier request has started.
    pub(super) fn again(turn: &Turn, ask: &Ask, following: Following, origin: &Origin) -> Self {
        let request_id = origin.request_id.clone();
        Self { user_message: message_of(turn, ask), following, is_repeated: true, request_id }
    }

    /// If the client goes away before the turn has ended, the turn is cancelled.
    pub(super) fn cancelled_by(mut self, leaving: Leaving) -> Self {
        self.following.leaving = Some(leaving);
        self
    }

    /// Waits for the end. Errors: why the turn failed.
    pub async fn end(self) -> std::result::Result<(Message, Done), Box<Problem>> {
        match self.following.last().await {
            Some(TurnEvent::Done(done)) => Ok((self.user_message, *done)),
            Some(TurnEvent::Error(mut problem)) => {
                problem.request_id = self.request_id;
                Err(problem)
            }
            Some(TurnEvent::Turn(_) | TurnEvent::Delta(_) | TurnEvent::Snapshot(_)) | None => {
                unreachable!("a turn's events end with one that tells how it ended")
            }
        }
    }
}

/// A message as it is stored with its turn.
fn message_of(turn: &Turn, ask: &Ask) -> Message {
    Message {
        id: turn.user_message_id,
        conversation_id: turn.conversation_id,
        turn_id: turn.id,
        role: Author::User,
        content: ask.content.clone(),
        state: MessageState::Complete,
        created_at: turn.created_at,
    }
}

/// The events of one turn, from some place on. Dropping it leaves the turn running.
pub struct Following {
    turn_id: TurnId,
    source: Source,
    /// What happens if this is dropped before the last event.
    leaving: Option<Leaving>,
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

    fn of(turn_id: TurnId, source: Source) -> Self {
        Self { turn_id, source, leaving: None }
    }

    /// The next event; `None` after the last. Safe to drop half-way.
    pub async fn next(&mut self) -> Option<Numbered> {
        let next = self.source.next().await;
        if next.as_ref().is_none_or(|numbered| numbered.event.is_last()) {
            self.has_ended();
        }
        next
    }

    /// The next event, if it is there without waiting.
    pub fn ready(&mut self) -> Option<Numbered> {
        let next = match &mut self.source {
            Source::Here(reader) => reader.next().now_or_never()?,
            Source::Ended(events) => events.next(),
            Source::Elsewhere(_) => None,
        }?;
        if next.event.is_last() {
            self.has_ended();
        }
        Some(next)
    }

    /// Waits for the last event, without looking at the others.
    async fn last(mut self) -> Option<TurnEvent> {
        let last = match &mut self.source {
            Source::Here(reader) => Some(reader.last().await),
            Source::Elsewhere(_) | Source::Ended(_) => self.source.last().await,
        };
        self.has_ended();
        last
    }

    fn has_ended(&mut self) {
        if let Some(leaving) = self.leaving.take() {
            leaving.call_off();
        }
    }
}

impl Source {
    async fn next(&mut self) -> Option<Numbered> {
        loop {
            match self {
                Self::Here(reader) => return reader.next().await,
                Self::Ended(events) => return events.next(),
                Self::Elsewhere(elsewhere) => *self = Self::Ended(elsewhere.end().await),
            }
        }
    }

    async fn last(&mut self) -> Option<TurnEvent> {
        let mut last = None;
        while let Some(numbered) = self.next().await {
            last = Some(numbered.event);
        }
        last
    }
}

impl App {
    /// Follows a turn of the caller's from after event `after`; 0 is the beginning. Where the log is gone, the events go on
    /// from `after` with the turn, its whole text as a snapshot, and its end.
    pub async fn follow(self: &Arc<Self>, caller: &Caller, turn_id: TurnId, after: u64) -> Result<Following> {
        caller.may(Scope::Read)?;
        self.follow_owned(caller, turn_id, after).await
    }

    /// The same for whoever has just sent its message.
    pub(super) async fn follow_owned(
        self: &Arc<Self>,
        caller: &Caller,
        turn_id: TurnId,
        after: u64,
    ) -> Result<Following> {
        let user = caller.user().id;
        let running = self.live.running(turn_id).filter(|running| running.note.user_id == user);
        if let Some(running) = running {
            return Ok(Following::of(turn_id, Source::Here(running.log.follow(after))));
        }
        let turn = self.owned_turn(user, turn_id).await?;
        let source = if turn.state == TurnState::Running {
            let caller = caller.clone();
            Source::Elsewhere(Box::new(Elsewhere { app: Arc::clone(self), caller, turn_id, after }))
        } else {
            Source::Ended(self.told(caller, turn, after).await?)
        };
        Ok(Following::of(turn_id, source))
    }

    /// What there is to tell about a turn that has ended.
    async fn told(&self, caller: &Caller, turn: Turn, after: u64) -> Result<vec::IntoIter<Numbered>> {
        let message = self.store.message(caller.user().id, turn.assistant_message_id).await?;
        let message = message.unwrap_or_else(|| nothing_said(&turn));
        let first = TurnEvent::Turn(started(&turn));
        let snapshot = TurnEvent::Snapshot(Delta { text: message.content.clone() });
        let last = match &turn.error {
            Some(error) => TurnEvent::Error(Box::new(stored_problem(error, turn.id))),
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
        let turn = self.app.owned_turn(self.caller.user().id, self.turn_id).await?;
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
