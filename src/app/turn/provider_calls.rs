//! Provider calls of a turn: retried if that may help and no text was shown yet, and their outcome.

#![expect(clippy::disallowed_methods, reason = "the jitter of retries is random")]

use std::time::Duration;

use tokio::time::sleep;

use super::{
    admission::AdmittedTurn,
    outcome::{TurnOutcome, cause_of, concluded, failed},
};
use crate::{
    app::{App, Error, catalogue::Entry},
    clock,
    metrics::waits::{Awaited, waiting},
    model::{AttemptId, Author},
    provider::{
        self, Calibration, Failure, FailureKind, PromptMessage, Reply, Request, TooLong, estimate_input,
        is_last_attempt, retry_delay,
    },
    store::{AttemptEnd, FIRST_FENCE, NewAttempt},
};

/// The outcome of a call.
pub(super) enum CallOutcome {
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
                CallOutcome::Failed(failure) if first_text.is_none() => {
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
                    CallOutcome::Failed(failure) => self.broken_off(admitted).unwrap_or(CallOutcome::Failed(failure)),
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
    ) -> CallOutcome {
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
            () = admitted.running.cancel.cancelled() => CallOutcome::Cancelled,
            () = self.lifecycle.halted() => CallOutcome::Halted,
            () = admitted.running.lease_lost.cancelled() => CallOutcome::Halted,
            outcome = waiting(Awaited::Provider, call) => match outcome {
                Ok(reply) => CallOutcome::Replied(reply),
                Err(failure) => CallOutcome::Failed(failure),
            },
            never = log.flush_when_due() => match never {},
        }
    }

    /// The outcome of a cancelled or halted turn: then a failure of its call does not matter.
    fn broken_off(&self, admitted: &AdmittedTurn) -> Option<CallOutcome> {
        if admitted.running.cancel.is_cancelled() {
            return Some(CallOutcome::Cancelled);
        }
        let is_halted = self.lifecycle.is_halted() || admitted.running.lease_lost.is_cancelled();
        is_halted.then_some(CallOutcome::Halted)
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

    fn count_provider_call(&self, entry: &Entry, outcome: &CallOutcome) {
        let provider = self.catalogue.provider(entry).name();
        let word = match outcome {
            CallOutcome::Replied(_) => "ok",
            CallOutcome::Failed(failure) => failure.kind.code(),
            CallOutcome::Cancelled | CallOutcome::Halted => "cancelled",
        };
        self.metrics.provider_requests_total.with_label_values(&[provider, word]).inc();
    }
}

/// The provider request: as much of the history as the model has room for.
fn request_of(admitted: &AdmittedTurn, entry: &Entry, calibration: &Calibration) -> Result<Request, TooLong> {
    let request = &admitted.request;
    let model = &entry.config;
    let past = |author, text: &String| PromptMessage { author, text: text.clone() };
    let history = admitted.exchange.history.iter();
    let told = request.history.iter().map(|said| past(said.role, &said.content));
    let exchanges = history.flat_map(|(asked, told)| [past(Author::User, asked), past(Author::Assistant, told)]);
    let request = Request {
        system: request.system_prompt.clone().or_else(|| admitted.exchange.conversation.system_prompt.clone()),
        messages: told.chain(exchanges).chain([past(Author::User, &request.content)]).collect(),
        sampling: request.sampling.clone(),
        max_tokens: [request.max_tokens, admitted.reservation.max_tokens]
            .into_iter()
            .flatten()
            .fold(model.max_output_tokens, u32::min),
        response_format: request.response_format.clone(),
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
