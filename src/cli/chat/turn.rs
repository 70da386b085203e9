//! A turn that is followed, wherever it runs, and its result.

use std::{io, time::Duration};

use tokio::time::Instant;

use super::{Failure, remote_turn::RemoteTurn};
use crate::{
    app::Subscription,
    event::{Done, Numbered, Started, TurnEvent},
};

/// Callback for every event.
pub(super) type Listener<'a> = dyn FnMut(&Numbered) -> io::Result<()> + Send + 'a;

pub(super) struct Turn {
    source: Source,
    request_id: String,
}

enum Source {
    Here(Box<Subscription>),
    There(Box<RemoteTurn>),
}

/// The result of a completed turn.
pub(super) struct TurnOutcome {
    /// The first event, which names the model.
    pub(super) started: Option<Started>,
    pub(super) done: Done,
    pub(super) request_id: String,
    /// Time from sending the message to the end, and to the first text.
    pub(super) latency: Duration,
    pub(super) first_token: Option<Duration>,
}

impl Turn {
    pub(super) fn here(subscription: Subscription, request_id: String) -> Self {
        Self { source: Source::Here(Box::new(subscription)), request_id }
    }

    pub(super) fn there(turn: RemoteTurn) -> Self {
        Self { request_id: turn.request_id.clone(), source: Source::There(Box::new(turn)) }
    }

    async fn next(&mut self) -> Result<Option<Numbered>, Failure> {
        match &mut self.source {
            Source::Here(subscription) => Ok(subscription.next().await),
            Source::There(turn) => turn.next().await,
        }
    }

    /// Follows the turn to its end. Errors: why it failed.
    pub(super) async fn listen(mut self, since: Instant, listener: &mut Listener<'_>) -> Result<TurnOutcome, Failure> {
        let (mut started, mut first_token) = (None, None);
        while let Some(numbered) = self.next().await? {
            listener(&numbered)?;
            match numbered.event {
                TurnEvent::Turn(told) => started = Some(told),
                TurnEvent::Delta(_) | TurnEvent::Snapshot(_) => {
                    first_token.get_or_insert_with(|| since.elapsed());
                }
                TurnEvent::Done(done) => {
                    let latency = since.elapsed();
                    return Ok(TurnOutcome { started, done: *done, request_id: self.request_id, latency, first_token });
                }
                TurnEvent::Error(mut problem) => {
                    if problem.request_id.is_empty() {
                        problem.request_id = self.request_id;
                    }
                    return Err(Failure::Problem(problem));
                }
            }
        }
        Err(Failure::Unreachable("the answer broke off before its end; the turn goes on and is kept".into()))
    }
}
