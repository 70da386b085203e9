//! Validation of a turn request: every member within its bounds.

use std::ops::Deref;

use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::{
    app::{App, Error, Result},
    config::size,
    model::{
        ConversationId, IdempotencyKey, Invalid, OnDisconnect, Prompt, ResponseFormat, Said, Sampling, SystemPrompt,
    },
    provider::estimate_tokens,
};

const MAX_HISTORY: usize = 64;
const MAX_SCHEMA_BYTES: usize = 32 * 1024;

/// A validated `RawTurnRequest`.
#[derive(Clone, Debug)]
pub struct TurnRequest {
    raw: RawTurnRequest,
    key: Option<IdempotencyKey>,
}

impl Deref for TurnRequest {
    type Target = RawTurnRequest;

    fn deref(&self) -> &RawTurnRequest {
        &self.raw
    }
}

impl TurnRequest {
    /// The request as the next message of this conversation. It has no history of its own.
    pub fn in_conversation(self, id: ConversationId) -> Self {
        Self { raw: RawTurnRequest { conversation_id: Some(id), history: Vec::new(), ..self.raw }, ..self }
    }

    pub(in crate::app) fn key(&self) -> Option<&IdempotencyKey> {
        self.key.as_ref()
    }

    /// The hash that tells requests under one key apart: all of the content, and nothing of how the reply is received.
    pub(in crate::app) fn fingerprint(&self) -> [u8; 32] {
        Sha256::digest(serde_json::to_vec(&self.raw).expect("a message is plain JSON")).into()
    }

    /// The texts bounded by `max_message`, by their members.
    fn texts(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let said = self.history.iter().map(|said| ("history", said.content.as_str()));
        let system = self.system_prompt.as_deref().map(|text| ("system_prompt", text));
        std::iter::once(("content", self.content.as_str())).chain(system).chain(said)
    }

    /// The estimated tokens of the request, without its stored conversation.
    pub(in crate::app) fn estimated_input(&self) -> u64 {
        let said = self.history.iter().map(|said| estimate_tokens(&said.content)).sum::<u64>();
        let format = self.response_format.as_ref().map_or(0, |format| estimate_tokens(&schema_text(format)));
        estimate_tokens(&self.content) + self.system_prompt.as_deref().map_or(0, estimate_tokens) + said + format
    }
}

impl App {
    /// Errors: texts over `max_message`.
    pub(in crate::app) fn demand_length(&self, request: &TurnRequest) -> Result<()> {
        let wrong: Vec<Invalid> = request.texts().filter_map(|(member, text)| self.too_long(member, text)).collect();
        if wrong.is_empty() { Ok(()) } else { Err(Error::Invalid(wrong)) }
    }

    /// The error for a text over `max_message`.
    pub(in crate::app) fn too_long(&self, member: &str, text: &str) -> Option<Invalid> {
        let most = self.config().server.max_message;
        let says = || format!("has {} bytes; the longest is {} (`[server] max_message`)", text.len(), size(most));
        (text.len() > most).then(|| Invalid::new(member, says()))
    }
}

fn schema_text(format: &ResponseFormat) -> String {
    serde_json::to_string(&format.schema).expect("a JSON object can be written as JSON")
}

/// An unvalidated turn request, as a client sends it.
#[derive(Clone, Debug, Default, Serialize)]
pub struct RawTurnRequest {
    pub content: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conversation_id: Option<ConversationId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub system_prompt: Option<String>,
    #[serde(flatten)]
    pub sampling: Sampling,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response_format: Option<ResponseFormat>,
    /// Earlier messages, for this one reply; they are not stored.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<Said>,
    #[serde(skip)]
    pub idempotency_key: Option<String>,
    /// `None`: the turn goes on.
    #[serde(skip)]
    pub on_disconnect: Option<OnDisconnect>,
}

impl TryFrom<RawTurnRequest> for TurnRequest {
    type Error = Vec<Invalid>;

    /// Errors: all invalid members, not only the first.
    fn try_from(raw: RawTurnRequest) -> std::result::Result<Self, Vec<Invalid>> {
        let mut wrong = raw.sampling.invalid_members();
        let mut hold = |is_good: bool, field: &str, message: &str| {
            if !is_good {
                wrong.push(Invalid::new(field, message));
            }
        };
        hold(raw.max_tokens != Some(0), "max_tokens", "must be at least 1");
        hold(raw.history.len() <= MAX_HISTORY, "history", "must be at most 64 messages");
        let goes_on = raw.conversation_id.is_some() && !raw.history.is_empty();
        hold(!goes_on, "history", "cannot be given for a conversation, which has its own");
        let history_is_good = raw.history.iter().all(|said| said.content.parse::<Prompt>().is_ok());
        hold(history_is_good, "history", "each must be text that is not blank, without NUL characters");
        let schema_is_good =
            raw.response_format.as_ref().is_none_or(|format| schema_text(format).len() <= MAX_SCHEMA_BYTES);
        hold(schema_is_good, "response_format", "its schema must be at most 32 KiB");
        wrong.extend(raw.content.parse::<Prompt>().err());
        wrong.extend(raw.system_prompt.as_deref().and_then(|text| text.parse::<SystemPrompt>().err()));
        let key = raw.idempotency_key.as_deref().map(str::parse::<IdempotencyKey>).transpose();
        wrong.extend(key.as_ref().err().cloned());
        match key {
            Ok(key) if wrong.is_empty() => Ok(Self { raw, key }),
            _ => Err(wrong),
        }
    }
}
