//! Requests of OpenAI's Chat Completions API, also for compatible servers.
//! <https://platform.openai.com/docs/api-reference/chat>

use std::borrow::Cow;

use serde::Serialize;
use serde_json::{Map, Value};

use super::{
    Error, Failure, OnText, Reply, Request,
    call::{Upstream, header},
    openai_stream,
    request::role,
};
use crate::{
    config::{self, Secret},
    model::{ResponseFormat, Sampling},
};

#[derive(Debug)]
pub struct Openai {
    upstream: Upstream,
    /// OpenAI's newer models refuse `max_tokens`, its older ones know both words, and some compatible servers refuse
    /// `max_completion_tokens` as an unknown field. So OpenAI and Azure OpenAI get the new word, all other servers the
    /// old one.
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
        self.upstream
            .call(&body(model, request, self.new_word), &request.request_id, openai_stream::read, on_text)
            .await
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
    #[serde(flatten)]
    sampling: &'a Sampling,
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
    /// A guarantee, given for closed schemas only; others are refused with it.
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
        sampling: &request.sampling,
        response_format: request.response_format.as_ref().map(Format::of),
    }
}
