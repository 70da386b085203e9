//! The HTTP call of all providers: sends a request, reads the stream, applies the timeouts.
//!
//! Redirects are not followed (they would carry the key and the messages elsewhere), nothing is retried, and no text is
//! kept.

#![expect(clippy::disallowed_methods, reason = "an abandoned response is drained for a bounded time")]

use std::{
    error::Error as _,
    time::{Duration, SystemTime},
};

use futures_util::FutureExt;
use reqwest::{
    Client, Response, StatusCode,
    header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, LOCATION},
    redirect::Policy,
};
use serde::Serialize;
use tokio::time::Instant;
use url::{Host, Url};

use super::{
    Error, Failure, FailureKind, OnText, Reply, TimeoutKind,
    call_timeouts::CallTimeouts,
    error_body::{ErrorBody, kind_of_status},
    reading::{Read, Reading},
    retry::asked_for,
    slots::Slots,
};
use crate::{
    clock,
    config::{self, Secret, Timeouts},
};

/// The most of an error's body that is read, and how long for.
const MAX_ERROR_BODY: usize = 64 * 1024;
const ERROR_BODY_WITHIN: Duration = Duration::from_secs(5);

/// How long the end of a stream is waited for, so that its connection can serve the next call.
const DRAIN_WITHIN: Duration = Duration::from_secs(1);

/// A provider's endpoint, with a pool of connections.
#[derive(Debug)]
pub struct Upstream {
    name: String,
    pub(super) base_url: String,
    pub(super) url: Url,
    /// What an error must not show.
    pub(super) secrets: Vec<Secret>,
    pub(super) timeouts: Timeouts,
    slots: Slots,
    pub(super) client: Client,
}

/// A header that carries a key.
pub fn header(config: &config::Provider, text: &str) -> Result<HeaderValue, Error> {
    let mut value = HeaderValue::from_str(text).map_err(|_| Error::ApiKey { name: config.name.clone() })?;
    value.set_sensitive(true);
    Ok(value)
}

impl Upstream {
    pub fn new(
        config: &config::Provider,
        path: &str,
        headers: impl IntoIterator<Item = (&'static str, HeaderValue)>,
    ) -> Result<Self, Error> {
        let name = config.name.clone();
        let url = address(&config.base_url, path).ok_or_else(|| Error::BaseUrl { name: name.clone() })?;
        let mut all = own_headers(config)?;
        all.extend(headers.into_iter().map(|(name, value)| (HeaderName::from_static(name), value)));
        // A proxy from the environment is not for loopback addresses: it would look for them on itself.
        let builder = if is_loopback(&url) { Client::builder().no_proxy() } else { Client::builder() };
        let client = builder
            .user_agent(concat!("mcpchat/", env!("CARGO_PKG_VERSION")))
            .default_headers(all)
            .redirect(Policy::none())
            .referer(false)
            // A request that times out here was not sent, and may be retried.
            .connect_timeout(config.timeouts.connect.min(config.timeouts.first_token))
            .tcp_nodelay(true)
            // Detects a dead HTTP/2 connection long before `first_token` would.
            .http2_keep_alive_interval(Duration::from_secs(20))
            .http2_keep_alive_timeout(Duration::from_secs(10))
            .build()
            .map_err(|error| Error::Client { name: name.clone(), reason: root_cause(&error) })?;
        let of_headers = config.headers.iter().filter(|header| header.is_secret).map(|header| header.value.clone());
        let secrets = config.api_key.iter().cloned().chain(of_headers).collect();
        let (base_url, slots) = (config.base_url.clone(), Slots::new(config));
        Ok(Self { name, base_url, url, secrets, timeouts: config.timeouts, slots, client })
    }

    /// The failure as it may be shown: with its endpoint, and without keys.
    pub(super) fn told(&self, failure: Failure, url: &Url) -> Failure {
        let endpoint = Some(format!("provider `{}`, {url}", self.name));
        Failure { endpoint, ..failure }.presentable(&self.secrets)
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn host(&self) -> &str {
        self.url.host_str().unwrap_or_default()
    }

    /// Sends one request, reads one stream.
    pub async fn call(
        &self,
        body: &impl Serialize,
        request_id: &str,
        read: Read,
        on_text: &mut OnText<'_>,
    ) -> Result<Reply, Failure> {
        let mut request = self.client.post(self.url.clone()).header("accept", "text/event-stream").json(body);
        if let Ok(id) = HeaderValue::from_str(request_id) {
            request = request.header("x-request-id", id);
        }
        let since = Instant::now();
        let _slot = self.slots.take().await.map_err(|failure| self.told(failure, &self.url))?;
        let mut reading = Reading::new(read);
        let read = self.read(request, since, &mut reading, on_text).await;
        reading.conclude(read, on_text).map_err(|failure| self.told(failure, &self.url))
    }

    async fn read(
        &self,
        request: reqwest::RequestBuilder,
        since: Instant,
        reading: &mut Reading,
        on_text: &mut OnText<'_>,
    ) -> Result<(), Failure> {
        let mut timeouts = CallTimeouts::start(self.timeouts, since);
        let response = timeouts.wait(request.send()).await?.map_err(|error| not_sent(&error, &timeouts))?;
        let mut response = accept(response).await?;
        while !reading.ended() {
            let Some(bytes) = timeouts.wait(response.chunk()).await?.map_err(|error| broken(&error))? else {
                return reading.end(on_text);
            };
            reading.feed(&bytes, on_text)?;
            timeouts.heard(reading.begun(), reading.finished());
        }
        drain(response);
        Ok(())
    }
}

/// The operator's headers; ours override them.
fn own_headers(config: &config::Provider) -> Result<HeaderMap, Error> {
    let pair = |given: &config::Header| {
        let name = given.name.parse::<HeaderName>().map_err(|_| Error::Header { name: config.name.clone() })?;
        Ok((name, header(config, given.value.expose())?))
    };
    config.headers.iter().map(pair).collect()
}

/// Drains a body: its last chunk often comes a moment later, and a body dropped before that costs its connection.
fn drain(mut response: Response) {
    if let Some(Ok(None)) = response.chunk().now_or_never() {
        return;
    }
    tokio::spawn(tokio::time::timeout(DRAIN_WITHIN, async move { while let Ok(Some(_)) = response.chunk().await {} }));
}

pub(super) fn address(base: &str, path: &str) -> Option<Url> {
    let base = Url::parse(base).ok()?;
    let plain =
        base.username().is_empty() && base.password().is_none() && base.query().is_none() && base.fragment().is_none();
    if !plain || !matches!(base.scheme(), "http" | "https") {
        return None;
    }
    Url::parse(&format!("{}{path}", base.as_str().trim_end_matches('/'))).ok()
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

/// Accepts an event stream and makes a failure of every other response.
async fn accept(response: Response) -> Result<Response, Failure> {
    let status = response.status();
    let kind = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if status.is_success() && kind == "text/event-stream" {
        return Ok(response);
    }
    let retry_after = asked_for(response.headers(), SystemTime::from(clock::now()));
    let failure = if status.is_redirection() { redirected(&response) } else { refused(status, &kind, response).await };
    Err(Failure { retry_after: retry_after.or(failure.retry_after), status: Some(status.as_u16()), ..failure })
}

pub(super) fn redirected(response: &Response) -> Failure {
    let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok()).unwrap_or("nowhere");
    let location = location.split(['?', '#']).next().unwrap_or_default();
    let status = response.status().as_u16();
    Failure::new(
        FailureKind::Redirected,
        format!("the provider redirects ({status}) to {location}, which is not followed; correct base_url"),
    )
}

/// A response that is no stream. Some servers send errors with status 200.
pub(super) async fn refused(status: StatusCode, content_type: &str, response: Response) -> Failure {
    let body = error_body(response).await;
    let code = status.as_u16();
    let error_body = ErrorBody::parse(&body).or_else(|| (!status.is_success()).then(|| ErrorBody::of_text(&body))?);
    let content_type = if content_type.is_empty() { "no content type" } else { content_type };
    match error_body {
        Some(error_body) => {
            let detail = format!("the provider answered {code}: {}", error_body.message);
            Failure { retry_after: error_body.retry_after, ..Failure::new(error_body.kind(Some(code)), detail) }
        }
        None if status.is_success() => Failure::new(
            FailureKind::Protocol,
            format!("the provider answered {code} with {content_type} instead of an event stream; is base_url right?"),
        ),
        None => Failure::new(
            kind_of_status(code),
            format!("the provider answered {code} with {content_type} and no reason"),
        ),
    }
}

/// The body, bounded in size and time.
async fn error_body(mut response: Response) -> String {
    let mut body = Vec::new();
    let reading = async {
        while let Ok(Some(bytes)) = response.chunk().await {
            body.extend_from_slice(&bytes[..bytes.len().min(MAX_ERROR_BODY - body.len())]);
            if body.len() == MAX_ERROR_BODY {
                return;
            }
        }
    };
    // At the timeout, what has arrived is used.
    let _ = tokio::time::timeout(ERROR_BODY_WITHIN, reading).await;
    String::from_utf8_lossy(&body).into_owned()
}

pub(super) fn not_sent(error: &reqwest::Error, timeouts: &CallTimeouts) -> Failure {
    if !error.is_connect() {
        return broken(error);
    }
    if error.is_timeout() {
        return timeouts.timed_out(TimeoutKind::Connect);
    }
    Failure::new(FailureKind::Unreachable, format!("no connection to the provider: {}", root_cause(error)))
}

fn broken(error: &reqwest::Error) -> Failure {
    let cause = root_cause(error);
    Failure::new(FailureKind::Disconnected, format!("the connection to the provider broke: {cause}"))
}

/// The innermost cause. The outer ones say only where it happened, and one of them the whole address.
fn root_cause(error: &reqwest::Error) -> String {
    let mut cause = error.source();
    while let Some(inner) = cause.and_then(|cause| cause.source()) {
        cause = Some(inner);
    }
    cause.map_or_else(|| "the request could not be made".to_owned(), ToString::to_string)
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::{TcpListener, TcpStream},
        sync::mpsc,
    };

    use super::{
        super::{Fault, Provider, Tokens, request::tests::asking},
        *,
    };
    use crate::{
        config::{MockScript, Model, ProviderKind, Redaction},
        model::{FinishReason, Sampling},
    };

    const STREAM: &str = include_str!("../../tests/fixtures/openai/text.sse");
    const MESSAGES: &str = include_str!("../../tests/fixtures/anthropic/text.sse");
    const HEAD: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n\r\n";
    const PIECE: &str = "data: {\"choices\":[{\"delta\":{\"content\":\"Half\"}}]}\n\n";
    const LONG: Duration = Duration::from_secs(20);
    const SHORT: Duration = Duration::from_millis(100);

    /// What the fake upstream does once it has read a request.
    #[derive(Clone, Debug)]
    enum Does {
        Send(String),
        Hang,
        Reset,
        /// Reads the next request of the same connection.
        NextRequest,
    }
    use Does::{Hang, NextRequest, Reset, Send};

    fn send(parts: &[&str]) -> Does {
        Send(parts.concat())
    }

    fn answer(status: &str, headers: &str, body: &str) -> Does {
        Send(format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\n\r\n{body}", body.len()))
    }

    /// An upstream that does one script for each connection, and the requests it reads.
    async fn upstream(scripts: Vec<Vec<Does>>) -> (String, mpsc::UnboundedReceiver<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let (requests, seen) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            for script in scripts {
                let (socket, _) = listener.accept().await.unwrap();
                tokio::spawn(play(socket, script, requests.clone()));
            }
        });
        (base, seen)
    }

    async fn play(mut socket: TcpStream, script: Vec<Does>, requests: mpsc::UnboundedSender<String>) {
        requests.send(read_request(&mut socket).await).unwrap();
        for does in script {
            match does {
                // The client may have disconnected.
                Send(text) => drop(socket.write_all(text.as_bytes()).await),
                Hang => {
                    let _ = socket.read(&mut [0]).await;
                    let _ = requests.send("gone".to_owned());
                }
                Reset => return socket.set_zero_linger().unwrap(),
                NextRequest => requests.send(read_request(&mut socket).await).unwrap(),
            }
        }
    }

    async fn read_request(socket: &mut TcpStream) -> String {
        let mut request = Vec::new();
        loop {
            let text = String::from_utf8_lossy(&request).into_owned();
            if let Some((head, body)) = text.split_once("\r\n\r\n") {
                let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
                if body.len() == length.parse::<usize>().unwrap() {
                    return text;
                }
            }
            if socket.read_buf(&mut request).await.unwrap() == 0 {
                return text;
            }
        }
    }

    fn configured(kind: ProviderKind, base_url: &str, timeouts: Timeouts) -> config::Provider {
        let (name, api_key) = ("up".to_owned(), Some(Secret::new("key-123456")));
        let (base_url, headers) = (base_url.to_owned(), Vec::new());
        config::Provider {
            name,
            kind,
            base_url,
            api_key,
            headers,
            max_concurrent: None,
            timeouts,
            dir: None,
            others: Vec::new(),
        }
    }

    fn provider(kind: ProviderKind, base_url: &str, timeouts: Timeouts) -> Provider {
        // By whichever test runs first.
        let _ = rustls::crypto::ring::default_provider().install_default();
        Provider::new(&configured(kind, base_url, timeouts), &Redaction::default()).unwrap()
    }

    fn patient() -> Timeouts {
        Timeouts { queue: LONG, connect: LONG, first_token: LONG, idle: LONG, total: LONG }
    }

    fn model() -> Model {
        Model {
            name: "m".to_owned(),
            provider: "up".to_owned(),
            upstream_name: "up-m".to_owned(),
            max_output_tokens: 1000,
            context_window: 8000,
            price: None,
            inline_reasoning: None,
            script: MockScript::default(),
        }
    }

    async fn ask(provider: &Provider) -> (String, Result<Reply, Failure>) {
        let mut text = String::new();
        let reply = provider.stream(&model(), &asking("hello?"), &mut |piece| text.push_str(piece)).await;
        (text, reply)
    }

    /// Calls an OpenAI upstream that plays one script.
    async fn asked(script: Vec<Does>, timeouts: Timeouts) -> (String, Result<Reply, Failure>) {
        let (base, _seen) = upstream(vec![script]).await;
        ask(&provider(ProviderKind::Openai, &base, timeouts)).await
    }

    /// Lets the other tasks of this thread run on, so that a drained connection is back in its pool.
    async fn settle() {
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn openai_is_asked_and_answers() {
        let (base, mut seen) = upstream(vec![vec![send(&[HEAD, STREAM])]]).await;
        let (text, reply) = ask(&provider(ProviderKind::Openai, &format!("{base}/v1/"), patient())).await;
        assert_eq!(text, "Hello wörld 🦀\n\"quoted\" \\ \u{1} 你好");
        let tokens = Some(Tokens { input: 19, output: 10, cached: 12 });
        assert_eq!(reply, Ok(Reply { finish_reason: FinishReason::Stop, tokens }));
        let request = seen.recv().await.unwrap();
        assert!(request.starts_with("POST /v1/chat/completions HTTP/1.1\r\n"), "{request}");
        for line in ["authorization: Bearer key-123456", "x-request-id: req-1", "content-type: application/json"] {
            assert!(request.contains(&format!("\r\n{line}\r\n")), "{request}");
        }
        assert!(request.ends_with(
            r#"{"model":"up-m","messages":[{"role":"user","content":"hello?"}],"stream":true,"stream_options":{"include_usage":true},"max_tokens":1000}"#
        ), "{request}");
    }

    #[tokio::test]
    async fn anthropic_is_asked_and_answers() {
        let (base, mut seen) = upstream(vec![vec![send(&[HEAD, MESSAGES])]]).await;
        let provider = provider(ProviderKind::Anthropic, &base, patient());
        let mut request = asking("hello?");
        request.system = Some("be kind".to_owned());
        let stop = vec!["END".to_owned()];
        request.sampling = Sampling { temperature: Some(0.5), top_p: Some(0.9), top_k: Some(40), stop, seed: None };
        let reply = provider.stream(&model(), &request, &mut |_| {}).await.unwrap();
        assert_eq!(reply.tokens, Some(Tokens { input: 25, output: 15, cached: 0 }));
        let request = seen.recv().await.unwrap();
        assert!(request.starts_with("POST /v1/messages HTTP/1.1\r\n"), "{request}");
        for line in ["x-api-key: key-123456", "anthropic-version: 2023-06-01", "x-request-id: req-1"] {
            assert!(request.contains(&format!("\r\n{line}\r\n")), "{request}");
        }
        assert!(request.ends_with(
            r#"{"model":"up-m","max_tokens":1000,"system":"be kind","messages":[{"role":"user","content":"hello?"}],"stream":true,"temperature":0.5,"top_p":0.9,"top_k":40,"stop_sequences":["END"]}"#
        ), "{request}");
    }

    #[tokio::test]
    async fn a_connection_serves_several_calls() {
        let chunked = format!("{:x}\r\n{STREAM}\r\n0\r\n\r\n", STREAM.len());
        let answer = send(&[&HEAD.replace("\r\n\r\n", "\r\nTransfer-Encoding: chunked\r\n\r\n"), &chunked]);
        let (base, mut seen) = upstream(vec![vec![answer.clone(), NextRequest, answer]]).await;
        let provider = provider(ProviderKind::Openai, &base, patient());
        ask(&provider).await.1.unwrap();
        settle().await;
        ask(&provider).await.1.unwrap();
        assert!(seen.recv().await.is_some() && seen.recv().await.is_some());
    }

    #[tokio::test]
    async fn a_pooled_connection_that_died_may_be_tried_again() {
        let first = answer("500 X", "", "");
        let (base, _seen) = upstream(vec![vec![first, NextRequest, Reset], vec![send(&[HEAD, STREAM])]]).await;
        let provider = provider(ProviderKind::Openai, &base, patient());
        ask(&provider).await.1.unwrap_err();
        settle().await;
        let failure = ask(&provider).await.1.unwrap_err();
        assert_eq!(failure.kind, FailureKind::Disconnected);
        assert!(failure.kind.is_retryable());
        ask(&provider).await.1.unwrap();
    }

    #[tokio::test]
    async fn a_redirect_is_told_and_not_followed() {
        let (base, mut seen) = upstream(vec![
            vec![answer("308 X", "Location: https://elsewhere.example/v1?token=t\r\n", "")],
            vec![send(&[HEAD, STREAM])],
        ])
        .await;
        let failure = ask(&provider(ProviderKind::Openai, &base, patient())).await.1.unwrap_err();
        assert_eq!((failure.kind, failure.status), (FailureKind::Redirected, Some(308)));
        assert!(failure.detail.contains("https://elsewhere.example/v1,"), "{failure}");
        seen.recv().await.unwrap();
        assert!(seen.try_recv().is_err());
    }

    #[tokio::test]
    async fn both_forms_of_retry_after_are_read() {
        let date = httpdate::fmt_http_date(SystemTime::from(clock::now()) + Duration::from_secs(60));
        for (value, at_least, at_most) in [("7", 7, 7), (date.as_str(), 55, 60)] {
            let body = r#"{"error":{"message":"slow down","type":"rate_limit_error"}}"#;
            let script = vec![answer("429 X", &format!("Retry-After: {value}\r\n"), body)];
            let failure = asked(script, patient()).await.1.unwrap_err();
            assert_eq!((failure.kind, failure.status), (FailureKind::RateLimited, Some(429)));
            assert_eq!(failure.detail, "the provider answered 429: slow down");
            let asked = failure.retry_after.unwrap().as_secs();
            assert!((at_least..=at_most).contains(&asked), "{asked}");
        }
    }

    #[tokio::test]
    async fn a_provider_that_repeats_the_key_does_not_show_it() {
        let body = r#"{"error":{"message":"bad key key-123456\u001b[31m","code":"invalid_api_key"}}"#;
        let failure = asked(vec![answer("401 X", "", body)], patient()).await.1.unwrap_err();
        assert_eq!((failure.kind, failure.kind.fault()), (FailureKind::Auth, Fault::Configuration));
        assert_eq!(failure.detail, "the provider answered 401: bad key *** [31m");
        let provider = provider(ProviderKind::Openai, "http://127.0.0.1:1", patient());
        assert!(!format!("{provider:?}").contains("123456"));
    }

    #[tokio::test]
    async fn what_is_no_stream_is_a_failure_that_says_so() {
        let html = "Content-Type: text/html\r\n";
        let json = "Content-Type: application/json\r\n";
        for (does, kind, words) in [
            (answer("200 OK", html, "<html>hi</html>"), FailureKind::Protocol, "text/html instead of an event stream"),
            (answer("200 OK", "", "hi"), FailureKind::Protocol, "no content type instead of"),
            (answer("200 OK", json, "{\"choices\":[]}"), FailureKind::Protocol, "application/json instead of"),
            (answer("200 OK", json, "{\"error\":{\"message\":\"busy\"}}"), FailureKind::Unavailable, "200: busy"),
            (answer("502 X", html, &"<p>".repeat(50_000)), FailureKind::Unavailable, "502 with text/html"),
            (answer("404 X", html, ""), FailureKind::UnknownModel, "404 with text/html"),
            (send(&["SSH-2.0-x\r\n"]), FailureKind::Disconnected, "invalid HTTP version"),
            (send(&[HEAD]), FailureKind::Incomplete, "ended before"),
            (send(&[HEAD, PIECE]), FailureKind::Incomplete, "ended before"),
            (send(&[HEAD, &"x".repeat(1 << 21)]), FailureKind::Protocol, "over 1 MiB"),
        ] {
            let failure = asked(vec![does], patient()).await.1.unwrap_err();
            assert_eq!(failure.kind, kind, "{failure}");
            assert!(failure.detail.contains(words), "{failure}");
        }
    }

    #[tokio::test]
    async fn every_timeout_has_its_own_words() {
        let begun = send(&[HEAD, PIECE]);
        for (script, timeouts, waiting, words) in [
            (
                vec![Hang],
                Timeouts { first_token: SHORT, ..patient() },
                TimeoutKind::FirstToken,
                "gave no text within 100ms",
            ),
            (
                vec![send(&[HEAD, ": ping\n\n"]), Hang],
                Timeouts { first_token: SHORT, ..patient() },
                TimeoutKind::FirstToken,
                "gave no text within 100ms",
            ),
            (
                vec![begun.clone(), Hang],
                Timeouts { idle: SHORT, ..patient() },
                TimeoutKind::Idle,
                "fell silent for 100ms",
            ),
            (
                vec![begun, Hang],
                Timeouts { total: SHORT, ..patient() },
                TimeoutKind::Total,
                "did not finish within 100ms",
            ),
        ] {
            let (base, mut seen) = upstream(vec![script]).await;
            let failure = ask(&provider(ProviderKind::Openai, &base, timeouts)).await.1.unwrap_err();
            assert_eq!(failure.kind, FailureKind::Timeout(waiting));
            assert!(failure.detail.ends_with(words), "{failure}");
            seen.recv().await.unwrap();
            assert_eq!(seen.recv().await.as_deref(), Some("gone"), "the upstream connection stays open");
        }
    }

    #[tokio::test]
    async fn no_connection_is_told_from_a_slow_one() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        drop(listener);
        let failure = ask(&provider(ProviderKind::Openai, &base, patient())).await.1.unwrap_err();
        assert_eq!((failure.kind, failure.kind.fault()), (FailureKind::Unreachable, Fault::Network));
        assert!(failure.detail.contains("refused"), "{failure}");
        // TLS that never begins: the handshake counts as connecting.
        let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("https://{}", silent.local_addr().unwrap());
        let timeouts = Timeouts { connect: SHORT, ..patient() };
        let failure = ask(&provider(ProviderKind::Openai, &base, timeouts)).await.1.unwrap_err();
        assert_eq!(failure.kind, FailureKind::Timeout(TimeoutKind::Connect), "{failure}");
        assert!(failure.detail.ends_with("within 100ms"), "{failure}");
    }

    #[tokio::test]
    async fn only_a_disconnect_before_the_finish_is_a_failure() {
        let (half, whole) = STREAM.split_at(STREAM.find("\"stop\"").unwrap());
        let headed = HEAD.replace("\r\n\r\n", "\r\nContent-Length: 100000\r\n\r\n");
        let (text, reply) = asked(vec![send(&[&headed, half]), Reset], patient()).await;
        let failure = reply.unwrap_err();
        assert_eq!(failure.kind, FailureKind::Disconnected, "{failure}");
        assert!(text.is_empty() || text.starts_with("Hello"));
        let finish = &whole[..whole.find("\n\n").unwrap() + 2];
        let (_, reply) = asked(vec![send(&[&headed, half, finish])], patient()).await;
        assert_eq!(reply, Ok(Reply { finish_reason: FinishReason::Stop, tokens: None }));
    }

    #[tokio::test]
    async fn dropping_the_call_drops_the_connection() {
        let (base, mut seen) = upstream(vec![vec![send(&[HEAD, PIECE]), Hang]]).await;
        let provider = provider(ProviderKind::Openai, &base, patient());
        let (heard, mut hears) = mpsc::unbounded_channel();
        let call = tokio::spawn(async move {
            provider.stream(&model(), &asking("hello?"), &mut |text| heard.send(text.to_owned()).unwrap()).await
        });
        assert_eq!(hears.recv().await.as_deref(), Some("Half"));
        call.abort();
        seen.recv().await.unwrap();
        assert_eq!(seen.recv().await.as_deref(), Some("gone"));
    }

    #[test]
    fn the_output_limit_has_the_word_its_server_knows() {
        for (base, new_word) in [
            ("https://api.openai.com/v1", true),
            ("https://eu.api.openai.com/v1", true),
            ("https://x.openai.azure.com/openai/v1", true),
            ("https://openai.com.example/v1", false),
            ("http://127.0.0.1:11434/v1", false),
        ] {
            let provider = provider(ProviderKind::Openai, base, patient());
            assert_eq!(format!("{provider:?}").contains("new_word: true"), new_word, "{base}");
        }
    }

    #[test]
    fn a_bad_address_or_key_is_a_configuration_error() {
        for base in ["", "api.openai.com", "ftp://x", "https://u:p@x", "https://x?y", "https://x#y", "file:///x"] {
            let config = configured(ProviderKind::Openai, base, patient());
            assert!(matches!(Provider::new(&config, &Redaction::default()), Err(Error::BaseUrl { .. })), "{base}");
        }
        let mut config = configured(ProviderKind::Anthropic, "https://x", patient());
        config.api_key = Some(Secret::new("key\n"));
        assert!(matches!(Provider::new(&config, &Redaction::default()), Err(Error::ApiKey { .. })));
    }
}
