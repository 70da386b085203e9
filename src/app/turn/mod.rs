//! Turns: a message and its reply. `admit` does all that can refuse, and stores the message; `run` is a task of the
//! app, not of the connection, and ends in a stored state whether or not a client still listens.

pub(super) mod admission;
mod begin;
pub(super) mod cancel;
pub(super) mod demand;
pub(super) mod drafts;
pub(super) mod idempotency;
pub(super) mod lookup;
mod outcome;
pub(super) mod provider_calls;
pub(super) mod recovery;
mod registry;
pub(super) mod remote_subscription;
pub(super) mod replay;
pub(super) mod request;
pub(super) mod subscription;
pub(super) mod telemetry;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{sync::oneshot, time::sleep};

pub(super) use self::registry::Turns;
use super::{
    App, Caller, Error, Origin, Result,
    catalogue::Entry,
    turn::{
        admission::AdmittedTurn, cancel::CancelOnDisconnect, idempotency::Admission, outcome::TurnOutcome,
        request::TurnRequest, subscription::Accepted,
    },
};
use crate::{
    event::{Done, Started, TurnEvent},
    live::RunningTurn,
    metrics::waits::Waits,
    model::{Author, CountedInput, Message, MessageState, OnDisconnect, Scope, Turn, TurnState, Usage},
    store::{self, AttemptEnd, FIRST_FENCE, TurnEnd},
};

/// Between two tries to store an end while the database is unavailable.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

impl App {
    /// Accepts a message and starts its turn. A caller that disconnects, even during this call, leaves a turn that runs
    /// and is stored.
    pub async fn send(self: &Arc<Self>, caller: &Caller, request: TurnRequest, origin: &Origin) -> Result<Accepted> {
        caller.may(Scope::Chat)?;
        self.demand_length(&request)?;
        self.demand_room_for_a_turn()?;
        let (app, caller, origin) = (Arc::clone(self), caller.clone(), origin.clone());
        let (accept, accepted) = oneshot::channel();
        self.lifecycle.spawn_turn(Waits::inside().during(async move {
            // Boxed, to keep a task small that is moved while it is created.
            let leaves_with_client = request.on_disconnect == Some(OnDisconnect::Cancel);
            let bound = |accepted: Accepted| {
                if !leaves_with_client {
                    return accepted;
                }
                let cancel_on_disconnect = CancelOnDisconnect::new(&app, &caller, accepted.subscription.turn_id());
                accepted.cancelled_by(cancel_on_disconnect)
            };
            match Box::pin(app.admit_once(&caller, request, &origin, Instant::now())).await {
                Ok(Admission::New(admitted)) => {
                    // The caller may have disconnected.
                    accept.send(Ok(bound(Accepted::new(&admitted)))).ok();
                    Box::pin(app.run(*admitted)).await;
                }
                Ok(Admission::Repeated(accepted)) => drop(accept.send(Ok(bound(*accepted)))),
                Err(refusal) => drop(accept.send(Err(refusal))),
            }
        }));
        accepted.await.unwrap_or_else(|_| Err(Error::Internal("the turn's task ended early".into())))
    }

    /// Checks all that can refuse, before the first byte: the model, the limits, the conversation. Then stores message
    /// and turn.
    pub(super) async fn admit(
        &self,
        caller: &Caller,
        request: TurnRequest,
        origin: &Origin,
        since: Instant,
    ) -> Result<AdmittedTurn> {
        if self.lifecycle.is_halted() {
            return Err(Error::Draining);
        }
        let model = self.model_to_reserve_for(caller, &request).await?;
        let counted = self.counted_inputs(model, &request).await?;
        let overrides = self.overrides_of(caller).await?;
        let (turn_id, reservation) = self.take_turn(caller, &overrides, origin, model, &request, &counted).await?;
        let counted = self.limits.counted(caller, origin.address, &reservation);
        let begun = self.begin(caller, turn_id, &request, counted).await;
        if begun.is_err() {
            Box::pin(self.limits.give_back(turn_id, &reservation)).await;
        }
        let (turn, exchange, attempt) = begun?;
        let running =
            self.turns.live.begin(RunningTurn::new(caller.user().id, self.instance, &turn), Started::of(&turn));
        self.metrics.turns_running.inc();
        let request_id = origin.request_id.clone();
        Ok(AdmittedTurn { turn, request, exchange, attempt, running, reservation, request_id, since })
    }

    /// Runs a turn: provider → log → database → limits → metrics → the last event.
    async fn run(&self, admitted: AdmittedTurn) {
        let running = &admitted.running;
        // Boxed, because what waits in `join!` is moved more than once, and this is large.
        let (answer, publishing) = (Box::pin(self.call_providers(&admitted)), self.turns.live.publish(running));
        let (answer, ()) = tokio::join!(answer, publishing);
        let turn = ended_turn(&admitted, &answer, self.store.now());
        let stored = Box::pin(self.store_end(&admitted, &answer, &turn)).await;
        let settling = async {
            match &stored {
                Ok(()) => self.limits.settle(turn.id, &admitted.reservation, answer.usage).await,
                Err(_) => self.limits.let_go(turn.id),
            }
        };
        tokio::join!(self.turns.live.retract(running.note.user_id, turn.id), settling);
        self.count_turn(&admitted, &answer, &turn, stored.as_ref().err());
        let correction = match &stored {
            Err(Error::Interrupted) => self.stored_instead(&admitted, &answer.text).await,
            Ok(()) | Err(_) => None,
        };
        let last = last_event(&admitted, answer, turn, stored);
        self.turns.live.end(&admitted.running, correction, last);
    }

    /// The reply as another replica has stored it, where that is not what was sent here.
    async fn stored_instead(&self, admitted: &AdmittedTurn, told: &str) -> Option<String> {
        let (user, message) = (admitted.running.note.user_id, admitted.turn.assistant_message_id);
        let text = self.store.message(user, message).await.ok()?.map(|message| message.content).unwrap_or_default();
        (text != told).then_some(text)
    }

    /// The model whose worst case is reserved. A conversation's own model is read only where a rule needs it, because
    /// it costs a round trip; the statement that stores the turn checks it in any case.
    async fn model_to_reserve_for(&self, caller: &Caller, request: &TurnRequest) -> Result<Option<&Entry>> {
        match (&request.model, request.conversation_id) {
            (None, Some(_)) if !self.limits.reserves() => Ok(None),
            (None, Some(id)) => {
                let conversation = self.owned_conversation(caller.user().id, id).await?;
                self.catalogue.resolve(Some(&conversation.model)).map(Some)
            }
            (model, _) => self.catalogue.resolve(model.as_deref()).map(Some),
        }
    }

    /// The counted inputs of the conversation's last calls; not read where no rule reserves.
    async fn counted_inputs(&self, model: Option<&Entry>, request: &TurnRequest) -> Result<Vec<CountedInput>> {
        match (model, request.conversation_id) {
            (Some(model), Some(id)) if self.limits.reserves() => {
                Ok(self.store.counted_inputs(id, model.name()).await?)
            }
            _ => Ok(Vec::new()),
        }
    }

    /// Stores the end, retrying while the database is unavailable. Errors: another replica has ended the turn in the
    /// meantime, believing this one dead; or this process has to end first.
    async fn store_end(&self, admitted: &AdmittedTurn, answer: &TurnOutcome, turn: &Turn) -> Result<()> {
        let end = TurnEnd {
            turn: turn.id,
            fence: FIRST_FENCE,
            state: turn.state,
            finish_reason: turn.finish_reason,
            error: turn.error.clone(),
            conversation: turn.conversation_id,
            message_id: turn.assistant_message_id,
            position: admitted.exchange.position + 1,
            reply: answer.reply(),
            pieces: answer.pieces.clone(),
            attempt: AttemptEnd {
                id: answer.attempt,
                usage: answer.usage,
                estimated_input: answer.estimated_input,
                price_version: answer.price_version.clone(),
                error_code: turn.error.as_ref().map(|error| error.code.clone()),
                error_cause: answer.cause.clone(),
            },
            now: turn.finished_at.unwrap_or_else(|| self.store.now()),
        };
        let mut pause = FIRST_PAUSE;
        loop {
            let stored = match self.store.finish_turn(end.clone()).await {
                // An earlier try may have been committed although its response was lost.
                Ok(false) if pause > FIRST_PAUSE => self.store.has_ended_as(&end).await,
                other => other,
            };
            match stored {
                Ok(true) => return Ok(()),
                Ok(false) => return Err(Error::Interrupted),
                Err(store::Error::Unavailable(_) | store::Error::Unanswered(_)) if !self.lifecycle.is_halted() => {
                    tokio::select! {
                        () = sleep(pause) => {}
                        () = self.lifecycle.halted() => {}
                    }
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
                Err(error) => {
                    tracing::error!(turn_id = %turn.id, %error, "the end of a turn could not be stored");
                    return Err(error.into());
                }
            }
        }
    }
}

/// The turn as it is to be stored.
fn ended_turn(admitted: &AdmittedTurn, answer: &TurnOutcome, now: chrono::DateTime<chrono::Utc>) -> Turn {
    Turn {
        state: answer.state,
        finish_reason: Some(answer.finish_reason),
        error: answer.turn_error(),
        attempts: answer.attempts,
        usage: answer.usage,
        finished_at: Some(now),
        ..admitted.turn.clone()
    }
}

/// The last event, as stored: how the reply went does not matter where its end came too late.
fn last_event(admitted: &AdmittedTurn, answer: TurnOutcome, turn: Turn, stored: Result<()>) -> TurnEvent {
    if let Some(error) = stored.err().or(answer.error) {
        let mut problem = error.problem(&admitted.request_id);
        problem.extensions.insert("turn_id".into(), turn.id.to_string().into());
        return TurnEvent::Error(Box::new(problem));
    }
    let message = Message {
        id: turn.assistant_message_id,
        conversation_id: turn.conversation_id,
        turn_id: turn.id,
        role: Author::Assistant,
        state: if turn.state == TurnState::Completed { MessageState::Complete } else { MessageState::Partial },
        content: answer.text,
        created_at: turn.finished_at.unwrap_or(turn.created_at),
    };
    let usage = turn.usage.unwrap_or(Usage::none());
    TurnEvent::Done(Box::new(Done { turn, message, usage }))
}
