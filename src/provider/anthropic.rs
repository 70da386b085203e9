//! Anthropic's messages. <https://platform.claude.com/docs/en/build-with-claude/streaming>

use std::borrow::Cow;

use reqwest::header::HeaderValue;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    Error, Failure, OnText, Reply, Request, Tokens,
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

const VERSION: &str = "2023-06-01";

#[derive(Debug)]
pub struct Anthropic {
    upstream: Upstream,
}

impl Anthropic {
    pub fn new(config: &config::Provider) -> Result<Self, Error> {
        let mut headers = vec![("anthropic-version", HeaderValue::from_static(VERSION))];
        if let Some(key) = config.api_key.as_ref().map(Secret::expose) {
            headers.push(("x-api-key", header(config, key)?));
        }
        Ok(Self { upstream: Upstream::new(config, "/v1/messages", headers)? })
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
        self.upstream.call(&body(model, request), &request.request_id, read, on_text).await
    }
}

#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    max_tokens: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    system: Option<&'a str>,
    messages: Vec<Message<'a>>,
    stream: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<f64>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    stop_sequences: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    output_config: Option<OutputConfig<'a>>,
}

/// <https://platform.claude.com/docs/en/build-with-claude/structured-outputs>
#[derive(Serialize)]
struct OutputConfig<'a> {
    format: Format<'a>,
}

#[derive(Serialize)]
struct Format<'a> {
    r#type: &'static str,
    schema: &'a Map<String, Value>,
}

impl<'a> OutputConfig<'a> {
    fn of(format: &'a ResponseFormat) -> Self {
        Self { format: Format { r#type: "json_schema", schema: &format.schema } }
    }
}

#[derive(Serialize)]
struct Message<'a> {
    role: &'static str,
    content: Cow<'a, str>,
}

fn body<'a>(model: &'a config::Model, request: &'a Request) -> Body<'a> {
    Body {
        model: &model.upstream_name,
        max_tokens: request.max_tokens,
        system: request.instructions(),
        messages: request.said().into_iter().map(|(author, content)| Message { role: role(author), content }).collect(),
        stream: true,
        temperature: request.temperature,
        top_p: request.top_p,
        stop_sequences: &request.stop,
        output_config: request.response_format.as_ref().map(OutputConfig::of),
    }
}

/// For streams whose events have lost their names on the way.
#[derive(Deserialize)]
struct Nameless<'a> {
    #[serde(borrow)]
    r#type: Text<'a>,
}

#[derive(Deserialize)]
struct MessageStart {
    message: Started,
}

#[derive(Deserialize)]
struct Started {
    usage: Option<Usage>,
}

#[derive(Deserialize)]
struct ContentBlockStart<'a> {
    #[serde(borrow)]
    content_block: Block<'a>,
}

#[derive(Deserialize)]
struct ContentBlockDelta<'a> {
    #[serde(borrow)]
    delta: Block<'a>,
}

/// A block at its start, or a piece of one: text, or something that is not shown.
#[derive(Deserialize)]
struct Block<'a> {
    #[serde(borrow)]
    r#type: Text<'a>,
    #[serde(borrow)]
    text: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct MessageDelta<'a> {
    #[serde(borrow)]
    delta: Ending<'a>,
    usage: Option<Usage>,
}

#[derive(Deserialize)]
struct Ending<'a> {
    #[serde(borrow)]
    stop_reason: Option<Text<'a>>,
}

/// Borrows where the JSON has no escapes. (`Option<Cow<str>>` never would.)
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// In `message_start` the whole input; in `message_delta` the output so far, and the input again if it has grown.
#[derive(Deserialize)]
struct Usage {
    input_tokens: Option<u64>,
    cache_creation_input_tokens: Option<u64>,
    cache_read_input_tokens: Option<u64>,
    output_tokens: Option<u64>,
}

/// What one event adds to the reply. New kinds of events and blocks may come at any time and are to be ignored, says the
/// documentation; only the known ones are parsed.
pub fn read(progress: &mut Progress, event: sse::Event<'_>, on_text: &mut OnText<'_>) -> Result<(), Failure> {
    let nameless: Nameless<'_>;
    let name = if event.name.is_empty() {
        nameless = parse(event.data)?;
        &nameless.r#type.0
    } else {
        event.name
    };
    match name {
        "content_block_delta" => read_block(progress, parse::<ContentBlockDelta<'_>>(event.data)?.delta, on_text)?,
        "content_block_start" => {
            read_block(progress, parse::<ContentBlockStart<'_>>(event.data)?.content_block, on_text)?
        }
        "message_start" => count(progress, parse::<MessageStart>(event.data)?.message.usage),
        "message_delta" => {
            let MessageDelta { delta, usage } = parse(event.data)?;
            count(progress, usage);
            if let Some(Text(reason)) = delta.stop_reason {
                progress.finish_reason = Some(finish_reason(&reason));
            }
        }
        "message_stop" => progress.ended = true,
        "error" => return Err(Complaint::in_stream(event.data)),
        _ => {}
    }
    Ok(())
}

fn parse<'a, T: Deserialize<'a>>(json: &'a str) -> Result<T, Failure> {
    serde_json::from_str(json).map_err(|error| not_understood(&error))
}

fn read_block(progress: &mut Progress, block: Block<'_>, on_text: &mut OnText<'_>) -> Result<(), Failure> {
    match (&*block.r#type.0, block.text) {
        ("text" | "text_delta", Some(Text(text))) => progress.say(&text, on_text),
        _ => {
            progress.begun = true;
            Ok(())
        }
    }
}

/// `input_tokens` leaves out what was read from the cache or written to it.
fn count(progress: &mut Progress, usage: Option<Usage>) {
    // An empty object says nothing.
    let Some(usage) = usage.filter(|usage| usage.input_tokens.is_some() || usage.output_tokens.is_some()) else {
        return;
    };
    let Tokens { mut input, output, mut cached } = progress.tokens.unwrap_or_default();
    if let Some(fresh) = usage.input_tokens {
        cached = usage.cache_read_input_tokens.unwrap_or(0);
        input = fresh.saturating_add(cached).saturating_add(usage.cache_creation_input_tokens.unwrap_or(0));
    }
    progress.tokens = Some(Tokens::said(input, usage.output_tokens.unwrap_or(output), cached));
}

/// A word we do not know is taken as `stop`: the provider says that the reply is whole.
fn finish_reason(word: &str) -> FinishReason {
    match word {
        "max_tokens" | "model_context_window_exceeded" => FinishReason::Length,
        "refusal" => FinishReason::ContentFilter,
        "tool_use" => FinishReason::ToolCalls,
        _ => FinishReason::Stop,
    }
}
