//! The places that answer questions. A provider is a pure builder of requests and a pure decoder of what comes back,
//! around one network loop (`call`). It makes one attempt; whether there is another is decided above.

mod anthropic;
mod call;
mod context;
mod failure;
mod mock;
mod openai;
mod request;
mod retry;
mod sse;
mod tokens;

pub use self::{
    context::{Budget, fit},
    failure::{Failure, FailureKind},
    request::{Past, Reply, Request, Tokens},
    retry::retry_delay,
    tokens::estimate_tokens,
};
use crate::config::{self, ProviderKind};

/// One configured provider.
pub enum Provider {
    Openai(call::Upstream),
    Anthropic(call::Upstream),
    Mock,
}

/// A provider that cannot be built from its configuration.
#[derive(Debug, thiserror::Error)]
#[error("provider `{name}`: {what}")]
pub struct Error {
    name: String,
    what: String,
}

impl Provider {
    pub fn new(config: &config::Provider) -> Result<Self, Error> {
        let upstream = || call::Upstream::new(config).map_err(|what| Error { name: config.name.clone(), what });
        Ok(match config.kind {
            ProviderKind::Openai => Self::Openai(upstream()?),
            ProviderKind::Anthropic => Self::Anthropic(upstream()?),
            ProviderKind::Mock => Self::Mock,
        })
    }

    /// One attempt, always streamed: each piece of text goes to `on_text` as it comes. Dropping the future drops the
    /// connection to the provider, which ends its work.
    pub async fn stream(
        &self,
        model: &config::Model,
        request: &Request,
        on_text: &mut (dyn FnMut(&str) + Send),
    ) -> Result<Reply, Failure> {
        match self {
            Self::Openai(upstream) => {
                let body = openai::body(&model.upstream_name, request, upstream.is_openai());
                let decoder = call::Decoder::Openai(openai::Decoder::default());
                upstream.stream(openai::PATH, &body, &request.request_id, decoder, on_text).await
            }
            Self::Anthropic(upstream) => {
                let body = anthropic::body(&model.upstream_name, request);
                let decoder = call::Decoder::Anthropic(anthropic::Decoder::default());
                upstream.stream(anthropic::PATH, &body, &request.request_id, decoder, on_text).await
            }
            Self::Mock => mock::stream(&model.script, request, on_text).await,
        }
    }
}
