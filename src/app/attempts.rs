//! Getting an answer: calling the provider, again if that may help and nothing was shown yet, and saying what came of it.

use tokio::time::sleep;

use super::{App, Error, catalogue::Entry, turn::Admitted};
use crate::{
    clock,
    model::{AttemptId, Author, FinishReason, MessageState, TurnError, TurnState, Usage, UsageSource},
    provider::{self, Failure, Past, Reply, Request, Tokens, estimate_tokens, retry_delay},
    store::{AttemptEnd, NewAttempt},
};

/// A reply larger than this is cut off; no model writes that much, a broken one may.
const MAX_REPLY_BYTES: usize = 4 * 1024 * 1024;

/// What a turn came to, before it is stored.
pub(super) struct Answer {
    pub(super) state: TurnState,
    pub(super) finish_reason: FinishReason,
    pub(super) error: Option<Error>,
    pub(super) text: String,
    pub(super) usage: Option<Usage>,
    pub(super) price_version: Option<String>,
    /// The last attempt, still to be settled.
    pub(super) attempt: AttemptId,
    /// From the message to the first text.
    pub(super) first_text: Option<std::time::Duration>,
}

impl Answer {
    /// The reply to be stored; an empty one only if it is complete.
    pub(super) fn reply(&self) -> Option<(&str, MessageState)> {
        match self.state {
            TurnState::Completed => Some((&self.text, MessageState::Complete)),
            _ if self.text.is_empty() => None,
            _ => Some((&self.text, MessageState::Partial)),
        }
    }

    pub(super) fn turn_error(&self) -> Option<TurnError> {
        self.error.as_ref().map(|error| TurnError { code: error.code().into(), detail: error.to_string() })
    }
}

/// How a call ended.
enum Outcome {
    Replied(Reply),
    Failed(Failure),
    TooLong,
    Cancelled,
    /// The process has to end.
    Halted,
}

impl App {
    pub(super) async fn answer(&self, admitted: &Admitted) -> Answer {
        let entry = match self.catalogue.resolve(Some(&admitted.exchange.model)) {
            Ok(entry) => entry,
            Err(error) => return failed(admitted, error),
        };
        let request = request_of(admitted, entry);
        let mut attempt = admitted.attempt;
        let mut first_text = None;
        for number in 1.. {
            let outcome = self.call(admitted, entry, &request, number, &mut first_text).await;
            self.count_provider_call(&entry.config.provider, &outcome);
            match outcome {
                Outcome::Failed(failure) if first_text.is_none() => {
                    match self.wait_for_retry(admitted, number, &failure).await {
                        true => match self.note_retry(admitted, entry, attempt, number, &failure).await {
                            Ok(next) => attempt = next,
                            Err(_) => {
                                return concluded(
                                    admitted,
                                    entry,
                                    &request,
                                    Outcome::Failed(failure),
                                    attempt,
                                    first_text,
                                );
                            }
                        },
                        false => {
                            return concluded(admitted, entry, &request, Outcome::Failed(failure), attempt, first_text);
                        }
                    }
                }
                outcome => return concluded(admitted, entry, &request, outcome, attempt, first_text),
            }
        }
        unreachable!("retry_delay ends the loop after the last attempt")
    }

    async fn call(
        &self,
        admitted: &Admitted,
        entry: &Entry,
        request: &Request,
        number: u32,
        first_text: &mut Option<std::time::Duration>,
    ) -> Outcome {
        if number == 1 {
            self.metrics.overhead_seconds.observe(admitted.since.elapsed().as_secs_f64());
        }
        let log = &admitted.running.log;
        let mut length = 0;
        let too_long = tokio::sync::Notify::new();
        let mut on_text = |text: &str| {
            first_text.get_or_insert_with(|| admitted.since.elapsed());
            length += text.len();
            if length > MAX_REPLY_BYTES {
                too_long.notify_one();
            } else {
                log.push(text);
            }
        };
        tokio::select! {
            biased;
            () = admitted.running.cancel.cancelled() => Outcome::Cancelled,
            () = self.halted.cancelled() => Outcome::Halted,
            () = too_long.notified() => Outcome::TooLong,
            outcome = self.catalogue.provider(entry).stream(&entry.config, request, &mut on_text) => match outcome {
                Ok(reply) => Outcome::Replied(reply),
                Err(failure) => Outcome::Failed(failure),
            },
        }
    }

    /// Waits as long as the failure asks for; `false`: another try makes no sense.
    async fn wait_for_retry(&self, admitted: &Admitted, number: u32, failure: &Failure) -> bool {
        let Some(delay) = retry_delay(number, failure, rand::random()) else { return false };
        tracing::info!(
            turn_id = %admitted.turn.id, request_id = %admitted.request_id, attempt = number, code = failure.code(),
            delay_ms = delay.as_millis(), "the provider failed; trying again"
        );
        tokio::select! {
            () = sleep(delay) => true,
            () = admitted.running.cancel.cancelled() => true,
            () = self.halted.cancelled() => true,
        }
    }

    /// Settles the failed attempt and writes down the next one before it is made.
    async fn note_retry(
        &self,
        admitted: &Admitted,
        entry: &Entry,
        failed: AttemptId,
        number: u32,
        failure: &Failure,
    ) -> super::Result<AttemptId> {
        let next = AttemptId::new();
        let end = AttemptEnd { id: failed, usage: None, price_version: None, error_code: Some(failure.code()) };
        let new = NewAttempt {
            id: next,
            turn: admitted.turn.id,
            number: number + 1,
            provider: &entry.config.provider,
            model: entry.name(),
        };
        self.store.next_attempt(&end, &new, clock::now()).await?;
        Ok(next)
    }

    fn count_provider_call(&self, provider: &str, outcome: &Outcome) {
        let word = match outcome {
            Outcome::Replied(_) => "ok",
            Outcome::Failed(failure) => failure.code(),
            Outcome::TooLong => "reply_too_long",
            Outcome::Cancelled | Outcome::Halted => "cancelled",
        };
        self.metrics.provider_requests_total.with_label_values(&[provider, word]).inc();
    }
}

/// What the provider is asked: as much of the past as the model has room for.
fn request_of(admitted: &Admitted, entry: &Entry) -> Request {
    let ask = &admitted.ask;
    let model = &entry.config;
    let max_tokens = ask.max_tokens.map_or(model.max_output_tokens, |asked| asked.min(model.max_output_tokens));
    let system = ask.system_prompt.clone().or_else(|| admitted.exchange.conversation.system_prompt.clone());
    let fitting = provider::fit(
        &admitted.exchange.history,
        provider::Budget { context_window: model.context_window, max_output: max_tokens },
        system.as_deref(),
        &ask.content,
    );
    let past = |author, text: &String| Past { author, text: text.clone() };
    let mut messages: Vec<Past> = fitting
        .iter()
        .flat_map(|(question, answer)| [past(Author::User, question), past(Author::Assistant, answer)])
        .collect();
    messages.push(past(Author::User, &ask.content));
    Request {
        system,
        messages,
        temperature: ask.temperature,
        top_p: ask.top_p,
        max_tokens,
        stop: ask.stop.clone(),
        request_id: admitted.request_id.clone(),
    }
}

fn failed(admitted: &Admitted, error: Error) -> Answer {
    Answer {
        state: TurnState::Failed,
        finish_reason: FinishReason::Error,
        error: Some(error),
        text: String::new(),
        usage: None,
        price_version: None,
        attempt: admitted.attempt,
        first_text: None,
    }
}

fn concluded(
    admitted: &Admitted,
    entry: &Entry,
    request: &Request,
    outcome: Outcome,
    attempt: AttemptId,
    first_text: Option<std::time::Duration>,
) -> Answer {
    let text = admitted.running.log.text();
    let said = match &outcome {
        Outcome::Replied(reply) => reply.tokens,
        Outcome::Failed(failure) => failure.tokens,
        Outcome::TooLong | Outcome::Cancelled | Outcome::Halted => None,
    };
    let (state, finish_reason, error) = match outcome {
        Outcome::Replied(reply) => (TurnState::Completed, reply.finish_reason, None),
        Outcome::Failed(failure) => (TurnState::Failed, FinishReason::Error, Some(Error::Provider(Box::new(failure)))),
        Outcome::TooLong => {
            (TurnState::Failed, FinishReason::Error, Some(Error::ReplyTooLong(MAX_REPLY_BYTES / 1024 / 1024)))
        }
        Outcome::Cancelled => (TurnState::Cancelled, FinishReason::Cancelled, None),
        Outcome::Halted => (TurnState::Interrupted, FinishReason::Error, Some(Error::Draining)),
    };
    let usage = usage_of(entry, request, state, said, &text);
    Answer { state, finish_reason, error, text, usage, price_version: entry.price_version.clone(), attempt, first_text }
}

/// The provider's numbers, or our own, marked as such. A call that failed before the first text used nothing we know of.
fn usage_of(entry: &Entry, request: &Request, state: TurnState, said: Option<Tokens>, text: &str) -> Option<Usage> {
    if said.is_none() && text.is_empty() && state == TurnState::Failed {
        return None;
    }
    let source = match (said, state) {
        (Some(_), TurnState::Completed) => UsageSource::Provider,
        (None, TurnState::Completed) => UsageSource::Estimated,
        _ => UsageSource::Partial,
    };
    let counted = || Tokens {
        input: request.messages.iter().map(|past| estimate_tokens(&past.text)).sum::<u64>()
            + request.system.as_deref().map_or(0, estimate_tokens),
        output: estimate_tokens(text),
        cached: 0,
    };
    // A cut reply's output is counted by us: the provider's last word on it comes only at the end.
    let tokens = match said {
        Some(said) if state == TurnState::Completed => said,
        Some(said) => Tokens { output: said.output.max(estimate_tokens(text)), ..said },
        None => counted(),
    };
    Some(Usage {
        input_tokens: tokens.input,
        output_tokens: tokens.output,
        cached_tokens: tokens.cached,
        cost: entry.cost(tokens),
        source,
    })
}
