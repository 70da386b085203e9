//! The one network loop: send, read events as they come, keep the times. It knows no provider's format; a `Decoder` does.

use std::time::{Duration, SystemTime};

use reqwest::{
    Client, Response,
    header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER},
    redirect::Policy,
};
use tokio::time::{Instant, timeout, timeout_at};

use super::{
    Failure, FailureKind, Reply, Tokens, anthropic, openai,
    sse::{Parser, TooLarge},
};
use crate::{
    clock,
    config::{self, ProviderKind, Secret, Timeouts},
};

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// As much of an error's body is read.
const MAX_ERROR_BODY: usize = 64 * 1024;
/// How long a connection may take to end cleanly after the reply, to be used again.
const DRAIN: Duration = Duration::from_secs(1);

/// Where a provider is and how to call it.
pub struct Upstream {
    name: String,
    base_url: String,
    client: Client,
    headers: HeaderMap,
    key: Option<Secret>,
    timeouts: Timeouts,
}

/// What understands a provider's events.
pub(super) enum Decoder {
    Openai(openai::Decoder),
    Anthropic(anthropic::Decoder),
}

impl Decoder {
    fn event(&mut self, data: &str, on_text: &mut dyn FnMut(&str)) -> Result<(), Failure> {
        match self {
            Self::Openai(decoder) => decoder.event(data, on_text),
            Self::Anthropic(decoder) => decoder.event(data, on_text),
        }
    }

    fn is_done(&self) -> bool {
        match self {
            Self::Openai(decoder) => decoder.is_done,
            Self::Anthropic(decoder) => decoder.is_done,
        }
    }

    fn reply(&self) -> Option<Reply> {
        match self {
            Self::Openai(decoder) => decoder.reply(),
            Self::Anthropic(decoder) => decoder.reply(),
        }
    }

    fn tokens(&self) -> Option<Tokens> {
        match self {
            Self::Openai(decoder) => decoder.tokens,
            Self::Anthropic(decoder) => decoder.tokens,
        }
    }
}

impl Upstream {
    /// Redirects are not followed: a key must not travel to where nobody sent it.
    pub(super) fn new(config: &config::Provider) -> Result<Self, String> {
        let client = Client::builder()
            .connect_timeout(config.timeouts.connect)
            .redirect(Policy::none())
            .tcp_nodelay(true)
            .pool_max_idle_per_host(256)
            .user_agent(concat!("mcpchat/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| error.to_string())?;
        Ok(Self {
            name: config.name.clone(),
            base_url: config.base_url.trim_end_matches('/').to_owned(),
            client,
            headers: headers(config)?,
            key: config.api_key.clone(),
            timeouts: config.timeouts,
        })
    }

    /// Whether this is OpenAI itself, not a server that speaks like it.
    pub(super) fn is_openai(&self) -> bool {
        self.base_url.starts_with("https://api.openai.com/")
    }

    /// One call. All times are kept here: the whole, the first text, and the silence between chunks.
    pub(super) async fn stream(
        &self,
        path: &str,
        body: &[u8],
        request_id: &str,
        mut decoder: Decoder,
        on_text: &mut (dyn FnMut(&str) + Send),
    ) -> Result<Reply, Failure> {
        let whole = self.exchange(path, body, request_id, &mut decoder, on_text);
        let outcome = match timeout(self.timeouts.total, whole).await {
            Ok(outcome) => outcome,
            Err(_) => Err(self.late("the whole reply", self.timeouts.total)),
        };
        outcome.map_err(|failure| Failure { tokens: decoder.tokens(), ..failure })
    }

    async fn exchange(
        &self,
        path: &str,
        body: &[u8],
        request_id: &str,
        decoder: &mut Decoder,
        on_text: &mut (dyn FnMut(&str) + Send),
    ) -> Result<Reply, Failure> {
        let first_by = Instant::now() + self.timeouts.first_token;
        let first_late = || self.late("the first text", self.timeouts.first_token);
        let sending = self.send(path, body, request_id);
        let mut response = timeout_at(first_by, sending).await.map_err(|_| first_late())??;
        let (mut parser, mut has_text) = (Parser::default(), false);
        loop {
            let reading = response.chunk();
            let chunk = if has_text {
                timeout(self.timeouts.idle, reading)
                    .await
                    .map_err(|_| self.late("the next piece", self.timeouts.idle))?
            } else {
                timeout_at(first_by, reading).await.map_err(|_| first_late())?
            };
            let Some(bytes) = chunk.map_err(|error| self.broken(&error))? else {
                return decoder.reply().ok_or_else(|| self.protocol("the stream ended before the reply did"));
            };
            let mut note_text = |text: &str| {
                has_text = true;
                on_text(text);
            };
            let fed: Result<(), Stop> = parser.feed(&bytes, |_, data| {
                // What comes after the end is not part of the reply.
                if decoder.is_done() { Ok(()) } else { decoder.event(data, &mut note_text).map_err(Stop::Failed) }
            });
            fed.map_err(|stop| match stop {
                Stop::Failed(failure) => failure,
                Stop::TooLarge => self.protocol("an event over 1 MiB"),
            })?;
            if decoder.is_done() {
                let reply = decoder.reply().ok_or_else(|| self.protocol("the reply ended without a reason"));
                finish_reading(response);
                return reply;
            }
        }
    }

    async fn send(&self, path: &str, body: &[u8], request_id: &str) -> Result<Response, Failure> {
        let mut request =
            self.client.post(format!("{}{path}", self.base_url)).headers(self.headers.clone()).body(body.to_vec());
        if let Ok(id) = HeaderValue::from_str(request_id) {
            request = request.header(X_REQUEST_ID, id);
        }
        let response = request.send().await.map_err(|error| self.broken(&error))?;
        let status = response.status().as_u16();
        if status != 200 {
            let retry_after = retry_after(response.headers());
            let body = beginning(response).await;
            let failure = Failure::of_status(&self.name, status, &body, self.key.as_ref());
            return Err(Failure { retry_after, ..failure });
        }
        let is_stream = content_type(&response).starts_with("text/event-stream");
        if is_stream { Ok(response) } else { Err(self.not_a_stream(response).await) }
    }

    /// A success that is none: a login page, or an error that forgot its status.
    async fn not_a_stream(&self, response: Response) -> Failure {
        let kind = content_type(&response).to_owned();
        let body = beginning(response).await;
        let told = super::failure::Told::read(&body);
        if told.message.is_empty() {
            return self.protocol(&format!("`{kind}` instead of an event stream; is the base URL right?"));
        }
        Failure { status: Some(200), ..Failure::of_event(&told) }
    }

    fn late(&self, what: &str, time: Duration) -> Failure {
        let time = humantime::format_duration(time);
        Failure::new(FailureKind::Timeout, format!("provider `{}`: {what} did not come within {time}", self.name))
    }

    fn protocol(&self, what: &str) -> Failure {
        Failure::new(FailureKind::Protocol, format!("provider `{}`: {what}", self.name))
    }

    fn broken(&self, error: &reqwest::Error) -> Failure {
        if error.is_timeout() {
            return self.late("a connection", self.timeouts.connect);
        }
        // reqwest's own words name the URL and hide the cause.
        let mut cause: &dyn std::error::Error = error;
        while let Some(inner) = cause.source() {
            cause = inner;
        }
        Failure::new(FailureKind::Network, format!("provider `{}` cannot be reached: {cause}", self.name))
    }
}

/// Why reading stopped.
enum Stop {
    Failed(Failure),
    TooLarge,
}

impl From<TooLarge> for Stop {
    fn from(_: TooLarge) -> Self {
        Self::TooLarge
    }
}

fn headers(config: &config::Provider) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(ACCEPT, HeaderValue::from_static("text/event-stream"));
    let secret = |text: String| {
        let mut value =
            HeaderValue::from_str(&text).map_err(|_| "the API key holds characters that no header can".to_owned())?;
        value.set_sensitive(true);
        Ok::<_, String>(value)
    };
    if config.kind == ProviderKind::Anthropic {
        headers.insert("anthropic-version", HeaderValue::from_static(anthropic::VERSION));
    }
    if let Some(key) = &config.api_key {
        match config.kind {
            ProviderKind::Anthropic => headers.insert("x-api-key", secret(key.expose().to_owned())?),
            ProviderKind::Openai | ProviderKind::Mock => {
                headers.insert("authorization", secret(format!("Bearer {}", key.expose()))?)
            }
        };
    }
    Ok(headers)
}

fn content_type(response: &Response) -> &str {
    response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("nothing")
}

/// Seconds or a date (RFC 9110, §10.2.3).
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds).ok();
    }
    let date = httpdate::parse_http_date(text).ok()?;
    Some(date.duration_since(SystemTime::from(clock::now())).unwrap_or_default())
}

async fn beginning(mut response: Response) -> String {
    let mut body = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        body.extend_from_slice(&chunk);
        if body.len() > MAX_ERROR_BODY {
            break;
        }
    }
    body.truncate(MAX_ERROR_BODY);
    String::from_utf8_lossy(&body).into_owned()
}

/// A connection can be used again only if its response was read to the end, which comes right after the last event.
fn finish_reading(mut response: Response) {
    tokio::spawn(timeout(DRAIN, async move { while let Ok(Some(_)) = response.chunk().await {} }));
}
