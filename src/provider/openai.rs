//! OpenAI's chat completions, and the many servers that speak them too.
//! <https://platform.openai.com/docs/api-reference/chat-streaming>

use std::borrow::Cow;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value, value::RawValue};

use super::{
    Error, Failure, FailureKind, OnText, Reply, Request, Tokens,
    call::{Upstream, header},
    complaint::Complaint,
    reading::not_understood,
    reply::Progress,
    request::role,
    sse,
};
use crate::{
    config::{self, Secret},
    model::{FinishReason, ResponseFormat},
};

#[derive(Debug)]
pub struct Openai {
    upstream: Upstream,
    /// OpenAI's newer models refuse `max_tokens`, its older ones know both words, and some compatible servers refuse
    /// `max_completion_tokens` as an unknown field. So the new word goes to OpenAI and Azure OpenAI, the old one to everybody else.
    new_word: bool,
}

impl Openai {
    pub fn new(config: &config::Provider) -> Result<Self, Error> {
        let key = config.api_key.as_ref().map(Secret::expose);
        let headers = match key {
            Some(key) => vec![("authorization", header(config, &format!("Bearer {key}"))?)],
            None => Vec::new(),
        };
        let upstream = Upstream::new(config, "/chat/completions", headers)?;
        let host = upstream.host();
        let new_word = [".openai.com", ".openai.azure.com"].iter().any(|end| host.ends_with(end));
        Ok(Self { upstream, new_word })
    }

    pub fn name(&self) -> &str {
        self.upstream.name()
    }

    pub(super) fn upstream(&self) -> &Upstream {
        &self.upstream
    }

    pub async fn stream(
        &self,
        model: &config::Model,
        request: &Request,
        on_text: &mut OnText<'_>,
    ) -> Result<Reply, Failure> {
        self.upstream.call(&body(model, request, self.new_word), &request.request_id, read, on_text).await
    }
}

#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    messages: Vec<Message<'a>>,
    stream: bool,
    stream_options: StreamOptions,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_completion_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<f64>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    stop: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_format: Option<Format<'a>>,
}

/// <https://platform.openai.com/docs/guides/structured-outputs>
#[derive(Serialize)]
struct Format<'a> {
    r#type: &'static str,
    json_schema: Named<'a>,
}

#[derive(Serialize)]
struct Named<'a> {
    name: &'static str,
    /// A guarantee, which is given for closed schemas only; others are refused with it.
    strict: bool,
    schema: &'a Map<String, Value>,
}

impl<'a> Format<'a> {
    fn of(format: &'a ResponseFormat) -> Self {
        let named = Named { name: "answer", strict: format.is_closed(), schema: &format.schema };
        Self { r#type: "json_schema", json_schema: named }
    }
}

#[derive(Serialize)]
struct Message<'a> {
    role: &'static str,
    content: Cow<'a, str>,
}

#[derive(Serialize)]
struct StreamOptions {
    include_usage: bool,
}

fn body<'a>(model: &'a config::Model, request: &'a Request, new_word: bool) -> Body<'a> {
    let system = request.instructions().map(|text| Message { role: "system", content: Cow::Borrowed(text) });
    let said = request.said().into_iter().map(|(author, content)| Message { role: role(author), content });
    Body {
        model: &model.upstream_name,
        messages: system.into_iter().chain(said).collect(),
        stream: true,
        stream_options: StreamOptions { include_usage: true },
        max_tokens: (!new_word).then_some(request.max_tokens),
        max_completion_tokens: new_word.then_some(request.max_tokens),
        temperature: request.temperature,
        top_p: request.top_p,
        stop: &request.stop,
        seed: request.seed,
        response_format: request.response_format.as_ref().map(Format::of),
    }
}

/// `chat.completion.chunk`. What is not needed is not named, and so skipped.
#[derive(Deserialize)]
struct Chunk<'a> {
    /// Empty with the usage; some servers send null there.
    #[serde(borrow, default, deserialize_with = "or_default")]
    choices: Vec<Choice<'a>>,
    usage: Option<Usage>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Choice<'a> {
    #[serde(borrow, default, deserialize_with = "or_default")]
    delta: Delta<'a>,
    #[serde(borrow)]
    finish_reason: Option<Text<'a>>,
}

#[derive(Default, Deserialize)]
struct Delta<'a> {
    #[serde(borrow)]
    content: Option<Text<'a>>,
    #[serde(borrow)]
    refusal: Option<Text<'a>>,
    /// Thoughts, as vLLM, DeepSeek and OpenRouter call them. Not shown.
    #[serde(borrow)]
    reasoning_content: Option<&'a RawValue>,
    #[serde(borrow)]
    reasoning: Option<&'a RawValue>,
    #[serde(borrow)]
    tool_calls: Option<&'a RawValue>,
}

/// Borrows where the JSON has no escapes. (`Option<Cow<str>>` never would.)
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

#[derive(Deserialize)]
struct Usage {
    #[serde(default, deserialize_with = "or_default")]
    prompt_tokens: u64,
    #[serde(default, deserialize_with = "or_default")]
    completion_tokens: u64,
    #[serde(default, deserialize_with = "or_default")]
    prompt_tokens_details: PromptDetails,
}

#[derive(Default, Deserialize)]
struct PromptDetails {
    #[serde(default, deserialize_with = "or_default")]
    cached_tokens: u64,
}

fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(from: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or_default())
}

/// What one event adds to the reply.
pub fn read(progress: &mut Progress, event: sse::Event<'_>, on_text: &mut OnText<'_>) -> Result<(), Failure> {
    if event.data.trim() == "[DONE]" {
        progress.ended = true;
        return Ok(());
    }
    if event.name == "error" {
        return Err(Complaint::in_stream(event.data));
    }
    let chunk: Chunk<'_> = serde_json::from_str(event.data).map_err(|error| not_understood(&error))?;
    if chunk.error.is_some() {
        return Err(Complaint::in_stream(event.data));
    }
    // Some servers count along in every chunk: the last word counts. Zeros are no count.
    if let Some(usage) = chunk.usage.filter(|usage| usage.prompt_tokens > 0 || usage.completion_tokens > 0) {
        let cached = usage.prompt_tokens_details.cached_tokens;
        progress.tokens = Some(Tokens::said(usage.prompt_tokens, usage.completion_tokens, cached));
    }
    match chunk.choices.into_iter().next() {
        Some(choice) => read_choice(progress, &choice, on_text),
        None => Ok(()),
    }
}

fn read_choice(progress: &mut Progress, choice: &Choice<'_>, on_text: &mut OnText<'_>) -> Result<(), Failure> {
    let Delta { content, refusal, reasoning_content, reasoning, tool_calls } = &choice.delta;
    if let Some(Text(text)) = content {
        progress.say(text, on_text)?;
    }
    if let Some(Text(text)) = refusal.as_ref().filter(|Text(text)| !text.is_empty()) {
        progress.refused = true;
        progress.say(text, on_text)?;
    }
    let unseen = [reasoning_content, reasoning, tool_calls];
    progress.begun |= unseen.iter().any(|it| it.is_some_and(|it| !matches!(it.get(), "null" | "\"\"" | "[]")));
    // Some servers send an empty reason along with every chunk.
    if let Some(Text(reason)) = choice.finish_reason.as_ref().filter(|Text(reason)| !reason.is_empty()) {
        progress.finish_reason = Some(finish_reason(reason)?);
    }
    Ok(())
}

/// A word we do not know is taken as `stop`: the provider says that the reply is whole.
fn finish_reason(word: &str) -> Result<FinishReason, Failure> {
    Ok(match word {
        "length" | "max_tokens" | "model_length" => FinishReason::Length,
        "content_filter" => FinishReason::ContentFilter,
        "tool_calls" | "function_call" => FinishReason::ToolCalls,
        // OpenRouter, SGLang and vLLM, DeepSeek.
        "error" | "abort" | "insufficient_system_resource" => {
            return Err(Failure::new(FailureKind::Unavailable, format!("the provider broke off: {word}")));
        }
        _ => FinishReason::Stop,
    })
}
