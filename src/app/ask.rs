//! A message as it may be sent: every member within its bounds.

use std::ops::Deref;

use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::model::{ConversationId, IdempotencyKey, Invalid, OnDisconnect, Prompt, SystemPrompt};

const MAX_STOPS: usize = 4;
const MAX_STOP_CHARS: usize = 256;

/// A message to be sent: a `RawAsk` within its bounds.
#[derive(Clone, Debug)]
pub struct Ask {
    raw: RawAsk,
    key: Option<IdempotencyKey>,
}

impl Deref for Ask {
    type Target = RawAsk;

    fn deref(&self) -> &RawAsk {
        &self.raw
    }
}

impl Ask {
    pub(super) fn key(&self) -> Option<&IdempotencyKey> {
        self.key.as_ref()
    }

    /// What tells one request from another under the same key: all that is asked, and nothing of how the answer is taken.
    pub(super) fn fingerprint(&self) -> [u8; 32] {
        Sha256::digest(serde_json::to_vec(&self.raw).expect("a message is plain JSON")).into()
    }
}

/// A message as it came in.
#[derive(Clone, Debug, Default, Serialize)]
pub struct RawAsk {
    pub content: String,
    pub conversation_id: Option<ConversationId>,
    pub model: Option<String>,
    pub system_prompt: Option<String>,
    pub temperature: Option<f64>,
    pub top_p: Option<f64>,
    pub max_tokens: Option<u32>,
    pub stop: Vec<String>,
    #[serde(skip)]
    pub idempotency_key: Option<String>,
    /// `None`: the turn goes on.
    #[serde(skip)]
    pub on_disconnect: Option<OnDisconnect>,
}

impl TryFrom<RawAsk> for Ask {
    type Error = Vec<Invalid>;

    /// Errors: all that is wrong, not only the first.
    fn try_from(raw: RawAsk) -> Result<Self, Vec<Invalid>> {
        let mut wrong = Vec::new();
        let mut hold = |is_good: bool, field: &str, message: &str| {
            if !is_good {
                wrong.push(Invalid::new(field, message));
            }
        };
        let between = |value: Option<f64>, max: f64| value.is_none_or(|value| (0.0..=max).contains(&value));
        hold(between(raw.temperature, 2.0), "temperature", "must be from 0 to 2");
        hold(between(raw.top_p, 1.0), "top_p", "must be from 0 to 1");
        hold(raw.max_tokens != Some(0), "max_tokens", "must be at least 1");
        hold(raw.stop.len() <= MAX_STOPS, "stop", "must be at most 4 texts");
        let stops_are_good = raw.stop.iter().all(|stop| !stop.is_empty() && stop.chars().count() <= MAX_STOP_CHARS);
        hold(stops_are_good, "stop", "each must have 1 to 256 characters");
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
