//! What is asked of a provider, and what it answers, in words of no provider.

use crate::model::{Author, FinishReason};

/// A question with what was said before it.
#[derive(Clone, Debug)]
pub struct Request {
    pub system: Option<String>,
    /// Oldest first; the last is the question.
    pub messages: Vec<Past>,
    pub temperature: Option<f64>,
    pub top_p: Option<f64>,
    pub max_tokens: u32,
    pub stop: Vec<String>,
    /// Sent along, so that the provider's log and ours can be held together.
    pub request_id: String,
}

/// A message of a conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Past {
    pub author: Author,
    pub text: String,
}

/// How a complete reply ended; its text has been handed out already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reply {
    pub finish_reason: FinishReason,
    /// As the provider said; `None` if it said nothing.
    pub tokens: Option<Tokens>,
}

/// What a call used. `input` includes `cached`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tokens {
    pub input: u64,
    pub output: u64,
    pub cached: u64,
}
