//! The outcome of a turn: what its last provider call gave, as it is to be stored, with its usage.

use std::{sync::Arc, time::Duration};

use super::{admission::AdmittedTurn, provider_calls::CallOutcome};
use crate::{
    app::{Error, catalogue::Entry},
    model::{AttemptId, FinishReason, MessageState, Pieces, TurnError, TurnState, Usage, UsageSource},
    provider::{Failure, Request, Tokens, estimate_input, estimate_tokens},
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

pub(super) fn failed(admitted: &AdmittedTurn, error: Error) -> TurnOutcome {
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

pub(super) fn concluded(
    admitted: &AdmittedTurn,
    entry: &Entry,
    request: &Request,
    outcome: CallOutcome,
    (attempt, attempts): (AttemptId, u32),
    first_text: Option<Duration>,
) -> TurnOutcome {
    admitted.running.log.close();
    let (_, text, pieces) = admitted.running.log.emitted();
    let said = match &outcome {
        CallOutcome::Replied(reply) => reply.tokens,
        CallOutcome::Failed(failure) => failure.tokens,
        CallOutcome::Cancelled | CallOutcome::Halted => None,
    };
    let cause = match &outcome {
        CallOutcome::Failed(failure) => cause_of(failure, request),
        CallOutcome::Replied(_) | CallOutcome::Cancelled | CallOutcome::Halted => None,
    };
    let (state, finish_reason, error) = match outcome {
        CallOutcome::Replied(reply) => (TurnState::Completed, reply.finish_reason, None),
        CallOutcome::Failed(failure) => {
            (TurnState::Failed, FinishReason::Error, Some(Error::Provider(Box::new(failure))))
        }
        CallOutcome::Cancelled => (TurnState::Cancelled, FinishReason::Cancelled, None),
        CallOutcome::Halted => (TurnState::Interrupted, FinishReason::Error, Some(Error::Interrupted)),
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
pub(super) fn cause_of(failure: &Failure, request: &Request) -> Option<String> {
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
