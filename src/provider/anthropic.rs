//! Requests of Anthropic's Messages API. <https://platform.claude.com/docs/en/api/messages>

use std::borrow::Cow;

use reqwest::header::HeaderValue;
use serde::Serialize;
use serde_json::{Map, Value};

use super::{
    Error, Failure, OnText, Reply, Request, anthropic_stream,
    call::{Upstream, header},
    request::role,
};
use crate::{
    config::{self, Secret},
    model::ResponseFormat,
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
        self.upstream.call(&body(model, request), &request.request_id, anthropic_stream::read, on_text).await
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
    #[serde(skip_serializing_if = "Option::is_none")]
    top_k: Option<u32>,
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
        temperature: request.sampling.temperature,
        top_p: request.sampling.top_p,
        top_k: request.sampling.top_k,
        stop_sequences: &request.sampling.stop,
        output_config: request.response_format.as_ref().map(OutputConfig::of),
    }
}
