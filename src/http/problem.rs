//! Errors of requests, of the app or of HTTP itself. A handler returns one; `middleware` writes it.

use std::{borrow::Cow, sync::Arc};

use axum::response::{IntoResponse, Response};
use hyper::{
    HeaderMap, StatusCode,
    header::{ACCEPT, ACCEPT_ENCODING, HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE},
};

use super::handshake_refusal::HandshakeRefusal;
use crate::{
    app,
    config::size,
    model::{Invalid, Problem},
    transport::{MAX_HEAD_BYTES, MAX_HEADERS, TransportError},
};

/// What a request head that is too large is told.
pub(super) const HEAD_TOO_LARGE: &str = "a request head may have 100 headers and 32 KiB";
const _: () = assert!(MAX_HEADERS == 100 && MAX_HEAD_BYTES == 32 * 1024);

/// The media type of a problem document.
pub(super) const PROBLEM_TYPE: &str = "application/problem+json";

pub(super) type Result<T> = std::result::Result<T, ApiError>;

#[derive(Clone, Debug)]
pub enum ApiError {
    App(Arc<app::Error>),
    /// The body is not JSON at all.
    Malformed(String),
    TooLarge {
        max: usize,
    },
    /// The body did not come fast enough.
    TooSlow,
    /// A handshake that opens no WebSocket.
    WebSocket(HandshakeRefusal),
    /// None of these media types.
    MediaType {
        detail: String,
        taken: &'static str,
    },
    /// The body is compressed.
    ContentCoding,
    NoRoute,
    NoMethod,
    /// The request is not valid HTTP, and could be read in two ways.
    BadRequest(String),
    UrlTooLong,
    HeadTooLarge,
    HeadTooSlow,
    /// A part of HTTP that this server does not implement.
    NotImplemented(String),
    Expectation,
    TooManyConnections,
    /// A bug: a handler panicked.
    Panicked,
}

impl From<app::Error> for ApiError {
    fn from(error: app::Error) -> Self {
        Self::App(Arc::new(error))
    }
}

impl From<Invalid> for ApiError {
    fn from(invalid: Invalid) -> Self {
        app::Error::from(invalid).into()
    }
}

impl From<HandshakeRefusal> for ApiError {
    fn from(refusal: HandshakeRefusal) -> Self {
        Self::WebSocket(refusal)
    }
}

impl From<TransportError> for ApiError {
    fn from(error: TransportError) -> Self {
        match error {
            TransportError::MalformedHead => Self::BadRequest("the request head is not HTTP/1.1".into()),
            TransportError::UrlTooLong => Self::UrlTooLong,
            TransportError::HeadTooLarge => Self::HeadTooLarge,
            TransportError::HeadTimeout => Self::HeadTooSlow,
            TransportError::Overloaded => app::Error::Overloaded.into(),
            TransportError::TooManyConnections => Self::TooManyConnections,
        }
    }
}

impl IntoResponse for ApiError {
    /// An empty response that carries the error to `middleware`, which knows the request's id.
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status()).expect("statuses are constants in range");
        let mut response = status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

impl ApiError {
    /// The request body ended early, or its framing is invalid.
    pub(super) fn broken_off() -> Self {
        Self::Malformed("the request body broke off".into())
    }

    pub(super) fn status(&self) -> u16 {
        match self {
            Self::App(error) => error.status(),
            Self::Malformed(_) | Self::BadRequest(_) => 400,
            Self::WebSocket(refusal) => refusal.status(),
            Self::NoRoute => 404,
            Self::NoMethod => 405,
            Self::TooSlow | Self::HeadTooSlow => 408,
            Self::TooLarge { .. } => 413,
            Self::UrlTooLong => 414,
            Self::MediaType { .. } | Self::ContentCoding => 415,
            Self::Expectation => 417,
            Self::TooManyConnections => 429,
            Self::HeadTooLarge => 431,
            Self::Panicked => 500,
            Self::NotImplemented(_) => 501,
        }
    }

    pub(super) fn code(&self) -> &'static str {
        match self {
            Self::App(error) => error.code(),
            Self::Malformed(_) => "malformed_body",
            Self::TooLarge { .. } => "body_too_large",
            Self::TooSlow => "request_timeout",
            Self::WebSocket(refusal) => refusal.code(),
            Self::MediaType { .. } => "unsupported_media_type",
            Self::ContentCoding => "unsupported_content_coding",
            Self::NoRoute => "no_such_route",
            Self::NoMethod => "method_not_allowed",
            Self::BadRequest(_) => "bad_request",
            Self::UrlTooLong => "url_too_long",
            Self::HeadTooLarge => "head_too_large",
            Self::HeadTooSlow => "head_timeout",
            Self::NotImplemented(_) => "not_implemented",
            Self::Expectation => "expectation_failed",
            Self::TooManyConnections => "too_many_connections",
            Self::Panicked => "internal",
        }
    }

    /// Whether an HTTP/1 connection closes: what follows on it cannot be trusted, or is not worth waiting for.
    pub(super) fn closes(&self) -> bool {
        match self {
            Self::TooLarge { .. }
            | Self::TooSlow
            | Self::BadRequest(_)
            | Self::UrlTooLong
            | Self::HeadTooLarge
            | Self::HeadTooSlow
            | Self::NotImplemented(_)
            | Self::Expectation
            | Self::TooManyConnections => true,
            Self::App(_)
            | Self::WebSocket(_)
            | Self::Malformed(_)
            | Self::MediaType { .. }
            | Self::ContentCoding
            | Self::NoRoute
            | Self::NoMethod
            | Self::Panicked => false,
        }
    }

    pub(super) fn problem(&self, request_id: &str) -> Problem {
        let (title, detail): (_, Cow<'static, str>) = match self {
            Self::App(error) => return error.problem(request_id),
            Self::Malformed(detail) => ("Malformed body", detail.clone().into()),
            Self::TooLarge { max } => ("Body too large", format!("a request body may have {} here", size(*max)).into()),
            Self::WebSocket(refusal) => (refusal.title(), refusal.detail().into()),
            Self::TooSlow => ("Request timeout", "the request body came slower than 500 bytes/s".into()),
            Self::MediaType { detail, .. } => ("Unsupported media type", detail.clone().into()),
            Self::ContentCoding => ("Unsupported content coding", "request bodies are taken uncompressed only".into()),
            Self::NoRoute => ("Not found", "there is no such route; the API is below /api/v1".into()),
            Self::NoMethod => ("Method not allowed", "the header Allow lists the methods of this route".into()),
            Self::BadRequest(detail) => ("Bad request", detail.clone().into()),
            Self::UrlTooLong => ("URL too long", "a URL may have 8 KiB".into()),
            Self::HeadTooLarge => ("Head too large", HEAD_TOO_LARGE.into()),
            Self::HeadTooSlow => ("Request timeout", "the request head did not arrive in time".into()),
            Self::NotImplemented(detail) => ("Not implemented", detail.clone().into()),
            Self::Expectation => ("Expectation failed", "the only expectation that can be met is 100-continue".into()),
            Self::TooManyConnections => {
                ("Too many requests", "your address has too many connections open; close some, or use HTTP/2".into())
            }
            Self::Panicked => ("Internal error", "internal error; the log tells more".into()),
        };
        Problem {
            kind: format!("urn:mcpchat:problem:{}", self.code()),
            title: title.into(),
            status: self.status(),
            detail: detail.into(),
            code: self.code().into(),
            request_id: request_id.into(),
            errors: Vec::new(),
            extensions: serde_json::Map::new(),
        }
    }

    /// The response's headers: when to try again, which limit, how to authenticate.
    pub(super) fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        match self {
            Self::WebSocket(refusal) => return refusal.headers(),
            Self::MediaType { taken, .. } => drop(headers.insert(ACCEPT, HeaderValue::from_static(taken))),
            Self::ContentCoding => drop(headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"))),
            Self::TooManyConnections => drop(headers.insert(RETRY_AFTER, 1.into())),
            _ => {}
        }
        let Self::App(error) = self else { return headers };
        if let Some(secs) = error.retry_after_secs() {
            headers.insert(RETRY_AFTER, secs.into());
        }
        match &**error {
            app::Error::Unauthenticated(_) => {
                headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            app::Error::RateLimited(refused) => {
                let text = |value: &str| HeaderValue::from_str(value).ok();
                let policy =
                    text(&refused.policy_header).map(|value| (HeaderName::from_static("ratelimit-policy"), value));
                let limit = text(&refused.limit_header).map(|value| (HeaderName::from_static("ratelimit"), value));
                headers.extend([policy, limit].into_iter().flatten());
            }
            _ => {}
        }
        headers
    }
}

impl ApiError {
    /// The whole response, for connections on which no handler responds.
    fn to_http1(&self) -> Vec<u8> {
        let request_id = uuid::Uuid::now_v7().to_string();
        let body = serde_json::to_vec(&self.problem(&request_id)).expect("a problem is plain JSON");
        let status = StatusCode::from_u16(self.status()).expect("statuses are constants in range");
        let date = httpdate::fmt_http_date(std::time::SystemTime::from(crate::clock::now()));
        let mut answer = format!(
            "HTTP/1.1 {status}\r\ncontent-type: {PROBLEM_TYPE}\r\ncontent-length: {}\r\ndate: {date}\r\n\
             connection: close\r\ncache-control: no-store\r\nx-request-id: {request_id}\r\n",
            body.len(),
        )
        .into_bytes();
        for (name, value) in &self.headers() {
            answer.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
        }
        answer.extend(b"\r\n");
        answer.extend(body);
        answer
    }
}

/// The response to what the transport refuses.
pub(super) fn transport_response(error: TransportError) -> Vec<u8> {
    ApiError::from(error).to_http1()
}

pub(super) async fn no_such_route() -> ApiError {
    ApiError::NoRoute
}

pub(super) async fn no_such_method() -> ApiError {
    ApiError::NoMethod
}
