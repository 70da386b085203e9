//! The record of one reply, as `--json` prints it. Its format is stable for scripts: members are added, and never
//! change their meaning without a new `version`.

use std::time::Duration;

use serde::Serialize;

use super::turn::TurnOutcome;
use crate::{
    config::Redaction,
    eval::{JudgedReply, Unmet},
    model::{ConversationId, FinishReason, MessageId, NanoUsd, TurnId, TurnState, Usage},
};

/// The version of the format.
pub(super) const VERSION: u32 = 1;

#[derive(Debug, Serialize)]
pub(super) struct Record {
    version: u32,
    /// All expectations are met.
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
    /// Usage of all calls, a repair included.
    usage: Usage,
    pub(super) cost_usd: NanoUsd,
    #[serde(rename = "latency_ms", serialize_with = "millis")]
    pub(super) latency: Duration,
    #[serde(rename = "first_token_ms", serialize_with = "maybe_millis")]
    first_token: Option<Duration>,
    /// Provider calls, failed ones included.
    attempts: u32,
    /// How often the reply was requested again because it did not match the schema.
    repairs: u32,
}

impl Record {
    pub(super) fn of(heard: TurnOutcome) -> Self {
        let TurnOutcome { started, done, request_id, latency, first_token } = heard;
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

    /// Adds the usage, cost and latency of the first reply.
    pub(super) fn repaired(mut self, first: &TurnOutcome) -> Self {
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

    /// The values that expectations are checked against.
    pub(super) fn answered(&self) -> JudgedReply<'_> {
        JudgedReply {
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

    /// Redacts secrets that the model has repeated: the log and the artifacts of a CI job keep the record.
    pub(super) fn without(mut self, secrets: &Redaction) -> Self {
        self.text = secrets.hide(&self.text);
        self
    }
}

/// Serializes whole milliseconds.
pub(super) fn millis<S: serde::Serializer>(time: &Duration, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_u64(u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
}

pub(super) fn maybe_millis<S: serde::Serializer>(time: &Option<Duration>, to: S) -> Result<S::Ok, S::Error> {
    match time {
        Some(time) => millis(time, to),
        None => to.serialize_none(),
    }
}
