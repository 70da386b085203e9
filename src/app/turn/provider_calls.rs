//! Provider calls of a turn: retried if that may help and no text was shown yet, and their outcome.

use std::{sync::Arc, time::Duration};

use tokio::time::sleep;

use super::admission::AdmittedTurn;
use crate::{
    app::{App, Error, catalogue::Entry},
    clock,
    metrics::waits::{Awaited, waiting},
    model::{AttemptId, Author, FinishReason, MessageState, Pieces, TurnError, TurnState, Usage, UsageSource},
    provider::{
        self, Calibration, Failure, FailureKind, PromptMessage, Reply, Request, Tokens, TooLong, estimate_input,
        estimate_tokens, is_last_attempt, retry_delay,
    },
    store::{AttemptEnd, FIRST_FENCE, NewAttempt},
};

/// The outcome of a turn, before it is stored.
pub(in crate::app) struct TurnOutcome {
    pub(in crate::app) state: TurnState,
    pub(in crate::app) finish_reason: FinishReason,
    pub(in crate::app) error: Option<Error>,
    /// Why the provider's call failed, where the error does not tell.
    pub(in crate::app) cause: Option<String>,
    pub(in crate::app) text: String,
    /// How the text was cut into events.
    pub(in crate::app) pieces: Pieces,
    pub(in crate::app) usage: Option<Usage>,
    /// The estimated input of the last attempt.
    pub(in crate::app) estimated_input: Option<u64>,
    pub(in crate::app) price_version: Option<Arc<str>>,
    /// The last attempt, whose end is still to be stored.
    pub(in crate::app) attempt: AttemptId,
    /// Its number, from 1.
    pub(in crate::app) attempts: u32,
    /// From the message to the first text.
    pub(in crate::app) first_text: Option<Duration>,
}

impl TurnOutcome {
    /// The reply to be stored; an empty one only if it is complete.
    pub(in crate::app) fn reply(&self) -> Option<(Arc<str>, MessageState)> {
        match self.state {
            TurnState::Completed => Some((self.text.as_str().into(), MessageState::Complete)),
            _ if self.text.is_empty() => None,
            _ => Some((self.text.as_str().into(), MessageState::Partial)),
        }
    }

    pub(in crate::app) fn turn_error(&self) -> Option<TurnError> {
        self.error.as_ref().map(|error| TurnError { code: error.code().into(), detail: error.to_string() })
    }
}

/// The outcome of a call.
enum Outcome {
    Replied(Reply),
    Failed(Failure),
    Cancelled,
    /// The process has to end, or has lost the turn's lease.
    Halted,
}

impl App {
    pub(in crate::app) async fn call_providers(&self, admitted: &AdmittedTurn) -> TurnOutcome {
        let entry = match self.catalogue.resolve(Some(&admitted.exchange.model)) {
            Ok(entry) => entry,
            Err(error) => return failed(admitted, error),
        };
        let calibration = Calibration::of(&admitted.exchange.counted);
        let mut request = match request_of(admitted, entry, &calibration) {
            Ok(request) => request,
            Err(too_long) => return failed(admitted, Error::ContextTooLong(too_long)),
        };
        let (mut attempt, mut number, mut first_text) = (admitted.attempt, 1, None);
        let mut is_shortened = false;
        loop {
            // Boxed, as everything large that waits: a future is moved when it is made, whole, with what it waits for.
            let outcome = Box::pin(self.call(admitted, entry, &request, number, &mut first_text)).await;
            self.count_provider_call(entry, &outcome);
            let again = match &outcome {
                Outcome::Failed(failure) if first_text.is_none() => {
                    let shorter = shorter(entry, &request, &calibration, failure, number).filter(|_| !is_shortened);
                    let delay = shorter
                        .as_ref()
                        .map_or_else(|| retry_delay(number, failure, rand::random()), |_| Some(Duration::ZERO));
                    let retry = self.prepare_retry(admitted, entry, &request, (attempt, number), failure, delay);
                    let next = Box::pin(retry).await;
                    if let (Some(shorter), Some(_)) = (shorter, next) {
                        (request, is_shortened) = (shorter, true);
                    }
                    next
                }
                _ => None,
            };
            let Some(next) = again else {
                let outcome = match outcome {
                    Outcome::Failed(failure) => self.broken_off(admitted).unwrap_or(Outcome::Failed(failure)),
                    other => other,
                };
                return concluded(admitted, entry, &request, outcome, (attempt, number), first_text);
            };
            (attempt, number) = (next, number + 1);
        }
    }

    async fn call(
        &self,
        admitted: &AdmittedTurn,
        entry: &Entry,
        request: &Request,
        number: u32,
        first_text: &mut Option<Duration>,
    ) -> Outcome {
        if number == 1 {
            self.metrics.overhead_seconds.observe(admitted.since.elapsed().as_secs_f64());
        }
        let log = &admitted.running.log;
        let mut on_text = |text: &str| {
            first_text.get_or_insert_with(|| admitted.since.elapsed());
            log.push(text);
        };
        let call = Box::pin(self.catalogue.provider(entry).stream(&entry.config, request, &mut on_text));
        tokio::select! {
            biased;
            () = admitted.running.cancel.cancelled() => Outcome::Cancelled,
            () = self.lifecycle.halted() => Outcome::Halted,
            () = admitted.running.lease_lost.cancelled() => Outcome::Halted,
            outcome = waiting(Awaited::Provider, call) => match outcome {
                Ok(reply) => Outcome::Replied(reply),
                Err(failure) => Outcome::Failed(failure),
            },
            never = log.flush_when_due() => match never {},
        }
    }

    /// The outcome of a cancelled or halted turn: then a failure of its call does not matter.
    fn broken_off(&self, admitted: &AdmittedTurn) -> Option<Outcome> {
        if admitted.running.cancel.is_cancelled() {
            return Some(Outcome::Cancelled);
        }
        let is_halted = self.lifecycle.is_halted() || admitted.running.lease_lost.is_cancelled();
        is_halted.then_some(Outcome::Halted)
    }

    /// Waits, then stores the end of the failed attempt and the next one before it is made. `None`: there is no next
    /// one.
    async fn prepare_retry(
        &self,
        admitted: &AdmittedTurn,
        entry: &Entry,
        request: &Request,
        (failed, number): (AttemptId, u32),
        failure: &Failure,
        delay: Option<Duration>,
    ) -> Option<AttemptId> {
        let delay = delay?;
        let code = failure.kind.code();
        let cause = cause_of(failure, request);
        tracing::info!(
            turn_id = %admitted.turn.id, request_id = %admitted.request_id, attempt = number, code, cause,
            delay_ms = delay.as_millis(), "the provider failed; trying again"
        );
        tokio::select! {
            () = waiting(Awaited::Retry, sleep(delay)) => {}
            () = admitted.running.cancel.cancelled() => return None,
            () = self.lifecycle.halted() => return None,
            () = admitted.running.lease_lost.cancelled() => return None,
        }
        let next = AttemptId::new();
        let error_code = Some(code.into());
        let estimated_input = Some(estimate_input(request));
        let end = AttemptEnd {
            id: failed,
            usage: None,
            estimated_input,
            price_version: None,
            error_code,
            error_cause: cause,
        };
        let new = NewAttempt {
            id: next,
            turn: admitted.turn.id,
            fence: FIRST_FENCE,
            number: number + 1,
            provider: &entry.config.provider,
            model: entry.name(),
        };
        let is_noted = self.store.next_attempt(&end, &new, clock::now()).await.unwrap_or(false);
        is_noted.then_some(next)
    }

    fn count_provider_call(&self, entry: &Entry, outcome: &Outcome) {
        let provider = self.catalogue.provider(entry).name();
        let word = match outcome {
            Outcome::Replied(_) => "ok",
            Outcome::Failed(failure) => failure.kind.code(),
            Outcome::Cancelled | Outcome::Halted => "cancelled",
        };
        self.metrics.provider_requests_total.with_label_values(&[provider, word]).inc();
    }
}

/// The provider request: as much of the history as the model has room for.
fn request_of(admitted: &AdmittedTurn, entry: &Entry, calibration: &Calibration) -> Result<Request, TooLong> {
    let ask = &admitted.ask;
    let model = &entry.config;
    let past = |author, text: &String| PromptMessage { author, text: text.clone() };
    let history = admitted.exchange.history.iter();
    let told = ask.history.iter().map(|said| past(said.role, &said.content));
    let exchanges = history.flat_map(|(asked, told)| [past(Author::User, asked), past(Author::Assistant, told)]);
    let request = Request {
        system: ask.system_prompt.clone().or_else(|| admitted.exchange.conversation.system_prompt.clone()),
        messages: told.chain(exchanges).chain([past(Author::User, &ask.content)]).collect(),
        sampling: ask.sampling.clone(),
        max_tokens: [ask.max_tokens, admitted.reservation.max_tokens]
            .into_iter()
            .flatten()
            .fold(model.max_output_tokens, u32::min),
        response_format: ask.response_format.clone(),
        request_id: admitted.request_id.clone(),
    };
    provider::fit(request, model.context_window, calibration)
}

/// A request with less history, where the provider found it too long.
fn shorter(
    entry: &Entry,
    request: &Request,
    calibration: &Calibration,
    failure: &Failure,
    number: u32,
) -> Option<Request> {
    let may_help = failure.kind == FailureKind::ContextTooLong && !is_last_attempt(number);
    may_help.then(|| provider::shorten(request, entry.config.context_window, calibration)).flatten()
}

fn failed(admitted: &AdmittedTurn, error: Error) -> TurnOutcome {
    TurnOutcome {
        state: TurnState::Failed,
        finish_reason: FinishReason::Error,
        error: Some(error),
        cause: None,
        text: String::new(),
        pieces: Pieces::default(),
        usage: None,
        estimated_input: None,
        price_version: None,
        attempt: admitted.attempt,
        attempts: 1,
        first_text: None,
    }
}

fn concluded(
    admitted: &AdmittedTurn,
    entry: &Entry,
    request: &Request,
    outcome: Outcome,
    (attempt, attempts): (AttemptId, u32),
    first_text: Option<Duration>,
) -> TurnOutcome {
    admitted.running.log.close();
    let (_, text, pieces) = admitted.running.log.emitted();
    let said = match &outcome {
        Outcome::Replied(reply) => reply.tokens,
        Outcome::Failed(failure) => failure.tokens,
        Outcome::Cancelled | Outcome::Halted => None,
    };
    let cause = match &outcome {
        Outcome::Failed(failure) => cause_of(failure, request),
        Outcome::Replied(_) | Outcome::Cancelled | Outcome::Halted => None,
    };
    let (state, finish_reason, error) = match outcome {
        Outcome::Replied(reply) => (TurnState::Completed, reply.finish_reason, None),
        Outcome::Failed(failure) => (TurnState::Failed, FinishReason::Error, Some(Error::Provider(Box::new(failure)))),
        Outcome::Cancelled => (TurnState::Cancelled, FinishReason::Cancelled, None),
        Outcome::Halted => (TurnState::Interrupted, FinishReason::Error, Some(Error::Interrupted)),
    };
    let usage = usage_of(entry, request, state, said, &text);
    TurnOutcome {
        state,
        finish_reason,
        error,
        cause,
        text,
        pieces,
        usage,
        estimated_input: Some(estimate_input(request)),
        price_version: entry.price_version.clone(),
        attempt,
        attempts,
        first_text,
    }
}

/// The cause for the log and for administrators: a provider's text that repeats a message is left out.
fn cause_of(failure: &Failure, request: &Request) -> Option<String> {
    let cause = failure.cause()?;
    if !request.is_repeated_in(&failure.detail) {
        return Some(cause);
    }
    let endpoint = failure.endpoint.as_deref().unwrap_or("the provider");
    let status = failure.status.map_or_else(String::new, |status| format!(" with status {status}"));
    Some(format!("{endpoint}: it failed{status}; its words repeat a message and are not kept"))
}

/// The usage as the provider reports it, or estimated and marked as such. A call that failed before the first text has
/// no known usage.
fn usage_of(entry: &Entry, request: &Request, state: TurnState, said: Option<Tokens>, text: &str) -> Option<Usage> {
    if said.is_none() && text.is_empty() && state == TurnState::Failed {
        return None;
    }
    let asked = request.messages.iter().map(|past| past.text.as_str()).chain(request.system.as_deref());
    let counted = Tokens { input: asked.map(estimate_tokens).sum(), output: estimate_tokens(text), cached: 0 };
    let (tokens, is_estimated) = said.unwrap_or_default().or_counted(counted);
    let source = match state {
        TurnState::Completed if is_estimated || said.is_none() => UsageSource::Estimated,
        TurnState::Completed => UsageSource::Provider,
        _ => UsageSource::Partial,
    };
    // A partial reply's output is estimated: the provider's last count comes only at the end.
    let tokens = match state {
        TurnState::Completed => tokens,
        _ => Tokens { output: tokens.output.max(counted.output), ..tokens },
    };
    Some(Usage {
        input_tokens: tokens.input,
        output_tokens: tokens.output,
        cached_tokens: tokens.cached,
        cost: entry.cost(tokens),
        source,
    })
}
