//! One answer, as `--json` prints it. The form is a promise to scripts: members are added, and never change their meaning
//! without a new `version`.

use std::time::Duration;

use serde::Serialize;

use super::turn::Heard;
use crate::{
    config::Redaction,
    eval::{Answered, Unmet},
    model::{ConversationId, FinishReason, MessageId, NanoUsd, TurnId, TurnState, Usage},
};

/// The version of the form.
pub(super) const VERSION: u32 = 1;

#[derive(Debug, Serialize)]
pub(super) struct Record {
    version: u32,
    /// It meets all that was expected of it.
    pub(super) passed: bool,
    pub(super) unmet: Vec<Unmet>,
    turn_id: TurnId,
    pub(super) conversation_id: ConversationId,
    user_message_id: MessageId,
    assistant_message_id: MessageId,
    request_id: String,
    provider: String,
    pub(super) model: String,
    pub(super) text: String,
    state: TurnState,
    finish_reason: Option<FinishReason>,
    /// Of all calls together, a repair included.
    usage: Usage,
    pub(super) cost_usd: NanoUsd,
    #[serde(rename = "latency_ms", serialize_with = "millis")]
    pub(super) latency: Duration,
    #[serde(rename = "first_token_ms", serialize_with = "maybe_millis")]
    first_token: Option<Duration>,
    /// Calls of the provider, those that failed included.
    attempts: u32,
    /// How often the answer was asked for again because of its form.
    repairs: u32,
}

impl Record {
    pub(super) fn of(heard: Heard) -> Self {
        let Heard { started, done, request_id, latency, first_token } = heard;
        let turn = done.turn;
        Self {
            version: VERSION,
            passed: true,
            unmet: Vec::new(),
            turn_id: turn.id,
            conversation_id: turn.conversation_id,
            user_message_id: turn.user_message_id,
            assistant_message_id: turn.assistant_message_id,
            request_id,
            provider: turn.provider,
            model: started.map_or(turn.model, |started| started.model),
            text: done.message.content,
            state: turn.state,
            finish_reason: turn.finish_reason,
            usage: done.usage,
            cost_usd: done.usage.cost,
            latency,
            first_token,
            attempts: turn.attempts,
            repairs: 0,
        }
    }

    /// With what the answer before it took.
    pub(super) fn repaired(mut self, first: &Heard) -> Self {
        let before = &first.done.usage;
        self.usage.input_tokens += before.input_tokens;
        self.usage.output_tokens += before.output_tokens;
        self.usage.cached_tokens += before.cached_tokens;
        self.usage.cost.0 += before.cost.0;
        self.cost_usd = self.usage.cost;
        self.latency += first.latency;
        self.first_token = first.first_token.or(self.first_token);
        self.attempts += first.done.turn.attempts;
        self.repairs += 1;
        self
    }

    /// What there is to judge.
    pub(super) fn answered(&self) -> Answered<'_> {
        Answered {
            text: &self.text,
            finish_reason: self.finish_reason,
            cost: self.cost_usd,
            output_tokens: self.usage.output_tokens,
            latency: self.latency,
            first_token: self.first_token,
        }
    }

    pub(super) fn judged(mut self, unmet: Vec<Unmet>) -> Self {
        self.passed = unmet.is_empty();
        self.unmet = unmet;
        self
    }

    /// Without the secrets that a model has said back: the log and the artifacts of a CI job keep it.
    pub(super) fn without(mut self, secrets: &Redaction) -> Self {
        self.text = secrets.hide(&self.text);
        self
    }
}

/// Whole milliseconds.
pub(super) fn millis<S: serde::Serializer>(time: &Duration, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_u64(u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
}

pub(super) fn maybe_millis<S: serde::Serializer>(time: &Option<Duration>, to: S) -> Result<S::Ok, S::Error> {
    match time {
        Some(time) => millis(time, to),
        None => to.serialize_none(),
    }
}
