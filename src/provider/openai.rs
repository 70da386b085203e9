//! OpenAI's chat completions, streamed, as OpenAI and many compatible servers speak them
//! (<https://platform.openai.com/docs/api-reference/chat-streaming>).

use serde::{Deserialize, Serialize};

use super::{Failure, FailureKind, Reply, Request, Tokens, failure::Told};
use crate::model::{Author, FinishReason};

/// Below the base URL, which ends in `/v1`.
pub(super) const PATH: &str = "/chat/completions";

#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    messages: Vec<Message<'a>>,
    stream: bool,
    stream_options: StreamOptions,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_completion_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens: Option<u32>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    stop: &'a [String],
}

#[derive(Serialize)]
struct StreamOptions {
    include_usage: bool,
}

#[derive(Serialize)]
struct Message<'a> {
    role: &'a str,
    content: &'a str,
}

/// The request's JSON. OpenAI itself has replaced `max_tokens` by `max_completion_tokens` and its newer models refuse the
/// old name; compatible servers know the old name best.
pub(super) fn body(model: &str, request: &Request, is_openai: bool) -> Vec<u8> {
    let system = request.system.as_deref().map(|content| Message { role: "system", content });
    let past = request.messages.iter().map(|past| Message {
        role: match past.author {
            Author::User => "user",
            Author::Assistant => "assistant",
        },
        content: &past.text,
    });
    let body = Body {
        model,
        messages: system.into_iter().chain(past).collect(),
        stream: true,
        stream_options: StreamOptions { include_usage: true },
        temperature: request.temperature,
        top_p: request.top_p,
        max_completion_tokens: is_openai.then_some(request.max_tokens),
        max_tokens: (!is_openai).then_some(request.max_tokens),
        stop: &request.stop,
    };
    serde_json::to_vec(&body).expect("a request is plain JSON")
}

#[derive(Deserialize)]
struct Chunk<'a> {
    #[serde(default, borrow)]
    choices: Vec<Choice<'a>>,
    #[serde(default)]
    usage: Option<Usage>,
    #[serde(default, borrow)]
    error: Option<&'a serde_json::value::RawValue>,
}

#[derive(Deserialize)]
struct Choice<'a> {
    #[serde(default)]
    index: u32,
    #[serde(default)]
    delta: Option<Delta>,
    #[serde(default, borrow)]
    finish_reason: Option<std::borrow::Cow<'a, str>>,
}

#[derive(Default, Deserialize)]
struct Delta {
    #[serde(default)]
    content: Option<String>,
    #[serde(default)]
    refusal: Option<String>,
}

#[derive(Deserialize)]
struct Usage {
    #[serde(default)]
    prompt_tokens: u64,
    #[serde(default)]
    completion_tokens: u64,
    #[serde(default)]
    prompt_tokens_details: Option<PromptDetails>,
}

#[derive(Deserialize)]
struct PromptDetails {
    #[serde(default)]
    cached_tokens: Option<u64>,
}

/// What has been understood of a stream so far.
#[derive(Default)]
pub(super) struct Decoder {
    finish_reason: Option<FinishReason>,
    refused: bool,
    pub(super) tokens: Option<Tokens>,
    pub(super) is_done: bool,
}

impl Decoder {
    pub(super) fn event(&mut self, data: &str, on_text: &mut dyn FnMut(&str)) -> Result<(), Failure> {
        if data.trim() == "[DONE]" {
            self.is_done = true;
            return Ok(());
        }
        let chunk: Chunk<'_> = serde_json::from_str(data).map_err(|error| {
            Failure::new(FailureKind::Protocol, format!("the provider sent an event that is no chunk: {error}"))
        })?;
        if let Some(error) = chunk.error.filter(|error| error.get() != "null") {
            return Err(Failure::of_event(&Told::read(&format!("{{\"error\":{}}}", error.get()))));
        }
        if let Some(usage) = chunk.usage {
            let cached = usage.prompt_tokens_details.and_then(|details| details.cached_tokens).unwrap_or_default();
            self.tokens = Some(Tokens { input: usage.prompt_tokens, output: usage.completion_tokens, cached });
        }
        for choice in chunk.choices.into_iter().filter(|choice| choice.index == 0) {
            self.choice(choice, on_text);
        }
        Ok(())
    }

    fn choice(&mut self, choice: Choice<'_>, on_text: &mut dyn FnMut(&str)) {
        let delta = choice.delta.unwrap_or_default();
        if let Some(text) = delta.content.filter(|text| !text.is_empty()) {
            on_text(&text);
        }
        if let Some(text) = delta.refusal.filter(|text| !text.is_empty()) {
            self.refused = true;
            on_text(&text);
        }
        self.finish_reason = match choice.finish_reason.as_deref() {
            None | Some("") => self.finish_reason,
            Some("length") => Some(FinishReason::Length),
            Some("content_filter") => Some(FinishReason::ContentFilter),
            Some("tool_calls" | "function_call") => Some(FinishReason::ToolCalls),
            Some(_) => Some(FinishReason::Stop),
        };
    }

    /// The reply, if it is whole. The end of the stream is an end even without `[DONE]`.
    pub(super) fn reply(&self) -> Option<Reply> {
        let told = self.finish_reason?;
        let finish_reason = if self.refused { FinishReason::ContentFilter } else { told };
        Some(Reply { finish_reason, tokens: self.tokens })
    }
}
