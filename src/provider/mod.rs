//! Model providers. A provider is a pair of pure functions (a request into bytes, bytes into text) around one network
//! loop (`call`); the mock has no network at all.
//!
//! One `stream` is one call: there are no retries in here. The caller decides on them with [`retry_delay`], and only
//! before the first visible text, and stores every call. Nothing here stores, limits, prices or logs.
//!
//! The process installs ring as rustls' default `CryptoProvider` before the first [`Provider::new`]. Proxies named in
//! the environment (`HTTPS_PROXY`, `NO_PROXY`, …) are used, as operators of closed networks expect, but never for
//! loopback addresses.

mod anthropic;
mod anthropic_stream;
mod calibration;
mod call;
mod call_timeouts;
mod cassette;
mod characters;
mod context;
mod error_body;
mod failure;
mod inline_reasoning;
mod lenient;
mod mock;
mod nearly_json;
mod openai;
mod openai_stream;
mod probe;
mod reach;
mod reading;
#[cfg(test)]
mod recorded;
mod reply;
mod request;
mod retry;
mod slots;
mod sse;
mod tokens;

#[cfg(test)]
pub use self::failure::tests::ALL as ALL_FAILURES;
pub use self::{
    calibration::Calibration,
    context::{TooLong, estimate_input, fit, shorten},
    failure::{Failure, FailureKind, Fault, TimeoutKind},
    reply::Reply,
    request::{PromptMessage, Request},
    retry::{is_last_attempt, retry_delay},
    tokens::{Tokens, estimate_tokens},
};

use std::path::PathBuf;

use self::{
    anthropic::Anthropic,
    cassette::{Player, Recorder},
    inline_reasoning::VisibleText,
    mock::Mock,
    openai::Openai,
    tokens::SplitInput,
};
use crate::config::{self, ProviderKind, Redaction};

/// The callback for the reply's text, piece by piece. Never called with an empty text.
pub type OnText<'a> = dyn FnMut(&str) + Send + 'a;

/// One configured provider. Holds a pool of connections: to be created once and shared.
#[derive(Debug)]
pub enum Provider {
    Openai(Openai),
    Anthropic(Anthropic),
    Mock(Mock),
    /// Replies from recordings.
    Cassette(Player),
    /// Another one, with its replies recorded.
    Recorded(Box<Recorder>),
}

/// A provider that cannot be made from its configuration.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("provider `{name}`: base_url must be an http or https address without user, password, `?` or `#`")]
    BaseUrl { name: String },
    #[error(
        "provider `{name}`: api_key holds characters that no HTTP header can carry; look for a line break at its end"
    )]
    ApiKey { name: String },
    #[error("provider `{name}`: headers has a name that is none")]
    Header { name: String },
    #[error("the folder of recordings `{}` cannot be made: {reason}", dir.display())]
    Cassettes { dir: PathBuf, reason: String },
    #[error("provider `{name}`: no HTTP client: {reason}; are the system's CA certificates installed?")]
    Client { name: String, reason: String },
}

impl Provider {
    /// `secrets` must not get into recordings.
    pub fn new(config: &config::Provider, secrets: &Redaction) -> Result<Self, Error> {
        let provider = Self::of_kind(config, secrets)?;
        match &config.dir {
            Some(dir) if config.kind != ProviderKind::Cassette => {
                Ok(Self::Recorded(Box::new(Recorder::new(provider, dir, secrets)?)))
            }
            Some(_) | None => Ok(provider),
        }
    }

    fn of_kind(config: &config::Provider, secrets: &Redaction) -> Result<Self, Error> {
        Ok(match config.kind {
            ProviderKind::Openai => Self::Openai(Openai::new(config)?),
            ProviderKind::Anthropic => Self::Anthropic(Anthropic::new(config)?),
            ProviderKind::Mock => Self::Mock(Mock::new(config)),
            ProviderKind::Cassette => Self::Cassette(Player::new(config, secrets)),
        })
    }

    /// The name the operator gave it, as models refer to it.
    pub fn name(&self) -> &str {
        match self {
            Self::Openai(openai) => openai.name(),
            Self::Anthropic(anthropic) => anthropic.name(),
            Self::Mock(mock) => mock.name(),
            Self::Cassette(player) => player.name(),
            Self::Recorded(recorder) => recorder.provider().name(),
        }
    }

    /// Makes one call. The text goes to `on_text` as it comes; the rest is the result. Dropping the future drops the
    /// upstream connection, which is how a turn is cancelled: providers stop generating (and charging) when their
    /// reader goes.
    pub async fn stream(
        &self,
        model: &config::Model,
        request: &Request,
        on_text: &mut OnText<'_>,
    ) -> Result<Reply, Failure> {
        let Some(marks) = model.inline_reasoning.as_ref().filter(|_| self.writes_itself()) else {
            return self.call(model, request, on_text).await;
        };
        let mut visible = VisibleText::new(marks);
        let reply = self.call(model, request, &mut |text: &str| visible.push(text, on_text)).await;
        visible.end(on_text);
        reply
    }

    /// Whether inline reasoning is still in its text; recordings have none.
    fn writes_itself(&self) -> bool {
        match self {
            Self::Openai(_) | Self::Anthropic(_) | Self::Mock(_) => true,
            Self::Cassette(_) | Self::Recorded(_) => false,
        }
    }

    async fn call(&self, model: &config::Model, request: &Request, on_text: &mut OnText<'_>) -> Result<Reply, Failure> {
        match self {
            Self::Openai(openai) => openai.stream(model, request, on_text).await,
            Self::Anthropic(anthropic) => anthropic.stream(model, request, on_text).await,
            Self::Mock(mock) => mock.stream(model, request, on_text).await,
            Self::Cassette(player) => player.stream(model, request, on_text).await,
            Self::Recorded(recorder) => recorder.stream(model, request, on_text).await,
        }
    }
}
