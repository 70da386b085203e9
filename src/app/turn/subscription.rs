//! Subscriptions to turns. JSON, SSE, WebSocket and the terminal are ways to drain the same `Subscription`. A turn of
//! this process is read from its log, one of another process by `remote_subscription`, and one that has ended by
//! `replay` from the database. The events and their numbers are the same each time.

use std::{sync::Arc, vec};

use futures_util::FutureExt;

use super::{
    admission::AdmittedTurn,
    cancel::CancelOnDisconnect,
    remote_subscription::{Next, RemoteSubscription},
    request::TurnRequest,
};
use crate::{
    app::{App, Caller, Origin, Result},
    event::{Done, Numbered, TurnEvent},
    live::Reader,
    model::{Author, Message, MessageState, Problem, Scope, Turn, TurnId, TurnState},
};

/// An accepted message. Dropping it leaves the turn running.
pub struct Accepted {
    /// The stored message.
    pub user_message: Message,
    pub subscription: Subscription,
    /// An earlier request with the same idempotency key has started the turn.
    pub is_repeated: bool,
    request_id: String,
}

impl Accepted {
    pub(in crate::app) fn new(admitted: &AdmittedTurn) -> Self {
        let subscription = Subscription::of(admitted.turn.id, Source::Here(admitted.running.log.follow(0)));
        let user_message = message_of(&admitted.turn, &admitted.request);
        Self { user_message, subscription, is_repeated: false, request_id: admitted.request_id.clone() }
    }

    /// The turn that an earlier request has started.
    pub(in crate::app) fn again(
        turn: &Turn,
        request: &TurnRequest,
        subscription: Subscription,
        origin: &Origin,
    ) -> Self {
        let request_id = origin.request_id.clone();
        Self { user_message: message_of(turn, request), subscription, is_repeated: true, request_id }
    }

    /// Cancels the turn if the client disconnects before its end.
    pub(in crate::app) fn cancelled_by(mut self, cancel_on_disconnect: CancelOnDisconnect) -> Self {
        self.subscription.cancel_on_disconnect = Some(cancel_on_disconnect);
        self
    }

    /// Waits for the end. Errors: why the turn failed.
    pub async fn end(self) -> std::result::Result<(Message, Done), Box<Problem>> {
        match self.subscription.last().await {
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
fn message_of(turn: &Turn, request: &TurnRequest) -> Message {
    Message {
        id: turn.user_message_id,
        conversation_id: turn.conversation_id,
        turn_id: turn.id,
        role: Author::User,
        content: request.content.clone(),
        state: MessageState::Complete,
        created_at: turn.created_at,
    }
}

/// The events of one turn after a number. Dropping it leaves the turn running.
pub struct Subscription {
    turn_id: TurnId,
    source: Source,
    has_seen_end: bool,
    /// Cancels the turn if this is dropped before the last event.
    cancel_on_disconnect: Option<CancelOnDisconnect>,
}

enum Source {
    Here(Reader),
    RemoteSubscription(Box<RemoteSubscription>),
    Ended(vec::IntoIter<Numbered>),
}

impl Subscription {
    pub fn turn_id(&self) -> TurnId {
        self.turn_id
    }

    fn of(turn_id: TurnId, source: Source) -> Self {
        Self { turn_id, source, has_seen_end: false, cancel_on_disconnect: None }
    }

    /// Whether the reader has named the last event, or a later one, as seen. The last one is repeated.
    pub fn has_seen_end(&self) -> bool {
        self.has_seen_end
    }

    /// The next event; `None` after the last. Cancellation safe.
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
            Source::RemoteSubscription(_) => None,
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
            Source::RemoteSubscription(_) | Source::Ended(_) => self.source.last().await,
        };
        self.has_ended();
        last
    }

    fn has_ended(&mut self) {
        if let Some(cancel_on_disconnect) = self.cancel_on_disconnect.take() {
            cancel_on_disconnect.disarm();
        }
    }
}

impl Source {
    async fn next(&mut self) -> Option<Numbered> {
        loop {
            match self {
                Self::Here(reader) => return reader.next().await,
                Self::Ended(events) => return events.next(),
                Self::RemoteSubscription(elsewhere) => match elsewhere.next().await {
                    Next::Event(numbered) => return Some(numbered),
                    Next::Here(reader) => *self = Self::Here(reader),
                    Next::Rest(events) => *self = Self::Ended(events.into_iter()),
                },
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
    /// Follows a turn of the caller's after event `after`; 0 is the beginning. Where the original events are unknown,
    /// the whole text comes as a snapshot.
    pub async fn follow(self: &Arc<Self>, caller: &Caller, turn_id: TurnId, after: u64) -> Result<Subscription> {
        caller.may(Scope::Read)?;
        self.follow_owned(caller, turn_id, after).await
    }

    /// The same without a scope check: the caller has just sent its message.
    pub(in crate::app) async fn follow_owned(
        self: &Arc<Self>,
        caller: &Caller,
        turn_id: TurnId,
        after: u64,
    ) -> Result<Subscription> {
        let user = caller.user().id;
        let running = self.turns.live.running(turn_id).filter(|running| running.note.user_id == user);
        if let Some(running) = running {
            return Ok(Subscription::of(turn_id, Source::Here(running.log.follow(after))));
        }
        let turn = self.owned_turn(user, turn_id).await?;
        if turn.state == TurnState::Running {
            return Ok(Subscription::of(
                turn_id,
                Source::RemoteSubscription(Box::new(RemoteSubscription::new(self, user, &turn, after))),
            ));
        }
        let retold = self.replay(user, turn, after).await?;
        let subscription = Subscription::of(turn_id, Source::Ended(retold.events.into_iter()));
        Ok(Subscription { has_seen_end: retold.is_known, ..subscription })
    }
}
