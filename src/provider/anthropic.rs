//! Anthropic's messages, streamed (<https://docs.anthropic.com/en/api/messages-streaming>).

use serde::{Deserialize, Serialize};

use super::{Failure, FailureKind, Reply, Request, Tokens, failure::Told};
use crate::model::{Author, FinishReason};

/// Below the base URL, which is the origin.
pub(super) const PATH: &str = "/v1/messages";
pub(super) const VERSION: &str = "2023-06-01";
/// Their scale ends where others' is half-way.
const MAX_TEMPERATURE: f64 = 1.0;

#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    system: Option<&'a str>,
    messages: Vec<Message<'a>>,
    max_tokens: u32,
    stream: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<f64>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    stop_sequences: &'a [String],
}

#[derive(Serialize)]
struct Message<'a> {
    role: &'a str,
    content: &'a str,
}

/// The request's JSON.
pub(super) fn body(model: &str, request: &Request) -> Vec<u8> {
    let messages = request.messages.iter().map(|past| Message {
        role: match past.author {
            Author::User => "user",
            Author::Assistant => "assistant",
        },
        content: &past.text,
    });
    let body = Body {
        model,
        system: request.system.as_deref(),
        messages: messages.collect(),
        max_tokens: request.max_tokens,
        stream: true,
        temperature: request.temperature.map(|asked| asked.min(MAX_TEMPERATURE)),
        top_p: request.top_p,
        stop_sequences: &request.stop,
    };
    serde_json::to_vec(&body).expect("a request is plain JSON")
}

/// An event; the `type` inside its data names it. What is not listed means nothing to a text.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Event {
    MessageStart {
        message: Start,
    },
    ContentBlockDelta {
        delta: BlockDelta,
    },
    MessageDelta {
        delta: End,
        #[serde(default)]
        usage: Option<Usage>,
    },
    MessageStop,
    Error {
        error: serde_json::Value,
    },
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct Start {
    #[serde(default)]
    usage: Option<Usage>,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum BlockDelta {
    TextDelta {
        text: String,
    },
    /// Thinking, tool input, citations: not part of the reply's text.
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct End {
    #[serde(default)]
    stop_reason: Option<String>,
}

#[derive(Deserialize)]
struct Usage {
    #[serde(default)]
    input_tokens: Option<u64>,
    #[serde(default)]
    output_tokens: Option<u64>,
    #[serde(default)]
    cache_read_input_tokens: Option<u64>,
    #[serde(default)]
    cache_creation_input_tokens: Option<u64>,
}

/// What has been understood of a stream so far.
#[derive(Default)]
pub(super) struct Decoder {
    finish_reason: Option<FinishReason>,
    pub(super) tokens: Option<Tokens>,
    pub(super) is_done: bool,
}

impl Decoder {
    pub(super) fn event(&mut self, data: &str, on_text: &mut dyn FnMut(&str)) -> Result<(), Failure> {
        let event: Event = serde_json::from_str(data).map_err(|error| {
            Failure::new(FailureKind::Protocol, format!("the provider sent an event that cannot be read: {error}"))
        })?;
        match event {
            Event::MessageStart { message } => self.count(message.usage),
            Event::ContentBlockDelta { delta: BlockDelta::TextDelta { text } } => {
                if !text.is_empty() {
                    on_text(&text);
                }
            }
            Event::MessageDelta { delta, usage } => {
                self.count(usage);
                self.finish_reason = delta.stop_reason.as_deref().map(finish_reason).or(self.finish_reason);
            }
            Event::MessageStop => self.is_done = true,
            Event::Error { error } => return Err(Failure::of_event(&Told::read(&error.to_string()))),
            Event::ContentBlockDelta { delta: BlockDelta::Other } | Event::Other => {}
        }
        Ok(())
    }

    /// Their counts are totals so far; a later one replaces an earlier. Input is counted without what the cache held.
    fn count(&mut self, usage: Option<Usage>) {
        let Some(usage) = usage else { return };
        let tokens = self.tokens.get_or_insert_default();
        if let Some(fresh) = usage.input_tokens {
            tokens.cached = usage.cache_read_input_tokens.unwrap_or_default();
            tokens.input = fresh + tokens.cached + usage.cache_creation_input_tokens.unwrap_or_default();
        }
        tokens.output = usage.output_tokens.unwrap_or(tokens.output);
    }

    /// The reply, if it is whole.
    pub(super) fn reply(&self) -> Option<Reply> {
        self.finish_reason.map(|finish_reason| Reply { finish_reason, tokens: self.tokens })
    }
}

fn finish_reason(stop_reason: &str) -> FinishReason {
    match stop_reason {
        "max_tokens" | "model_context_window_exceeded" => FinishReason::Length,
        "tool_use" => FinishReason::ToolCalls,
        "refusal" => FinishReason::ContentFilter,
        _ => FinishReason::Stop,
    }
}
