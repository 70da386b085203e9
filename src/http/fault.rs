//! What a request can be refused with: an error of the app, or of HTTP itself. A handler returns it; `edge` writes it.

use std::sync::Arc;

use axum::response::{IntoResponse, Response};
use hyper::{
    HeaderMap, StatusCode,
    header::{HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE},
};

use super::ws;
use crate::{
    app,
    model::{Invalid, Problem},
};

pub(super) type Result<T> = std::result::Result<T, Fault>;

#[derive(Clone, Debug)]
pub enum Fault {
    App(Arc<app::Error>),
    /// The body is not JSON at all.
    Malformed(String),
    TooLarge,
    /// The body did not come in time.
    TooSlow,
    MediaType(String),
    /// A handshake that opens no WebSocket.
    WebSocket(ws::Refusal),
    NoRoute,
    NoMethod,
}

impl From<app::Error> for Fault {
    fn from(error: app::Error) -> Self {
        Self::App(Arc::new(error))
    }
}

impl From<Invalid> for Fault {
    fn from(invalid: Invalid) -> Self {
        app::Error::from(invalid).into()
    }
}

impl From<ws::Refusal> for Fault {
    fn from(refusal: ws::Refusal) -> Self {
        Self::WebSocket(refusal)
    }
}

impl IntoResponse for Fault {
    /// An empty response that carries the fault to `edge`, which knows the request's id.
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status()).expect("statuses are constants in range");
        let mut response = status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

impl Fault {
    pub(super) fn status(&self) -> u16 {
        match self {
            Self::App(error) => error.status(),
            Self::Malformed(_) => 400,
            Self::TooLarge => 413,
            Self::TooSlow => 408,
            Self::MediaType(_) => 415,
            Self::WebSocket(refusal) => refusal.status(),
            Self::NoRoute => 404,
            Self::NoMethod => 405,
        }
    }

    pub(super) fn code(&self) -> &'static str {
        match self {
            Self::App(error) => error.code(),
            Self::Malformed(_) => "malformed_body",
            Self::TooLarge => "body_too_large",
            Self::TooSlow => "request_timeout",
            Self::MediaType(_) => "unsupported_media_type",
            Self::WebSocket(refusal) => refusal.code(),
            Self::NoRoute => "no_such_route",
            Self::NoMethod => "method_not_allowed",
        }
    }

    pub(super) fn problem(&self, request_id: &str) -> Problem {
        let (title, detail) = match self {
            Self::App(error) => return error.problem(request_id),
            Self::Malformed(detail) => ("Malformed body", detail.clone()),
            Self::TooLarge => ("Body too large", "a request body may have 1 MiB".into()),
            Self::TooSlow => ("Request timeout", "the request body did not arrive within 30 s".into()),
            Self::MediaType(detail) => ("Unsupported media type", detail.clone()),
            Self::WebSocket(refusal) => (refusal.title(), refusal.detail().into()),
            Self::NoRoute => ("Not found", "there is no such route; the API is below /api/v1".into()),
            Self::NoMethod => ("Method not allowed", "the header Allow lists the methods of this route".into()),
        };
        Problem {
            kind: format!("urn:mcpchat:problem:{}", self.code()),
            title: title.into(),
            status: self.status(),
            detail,
            code: self.code().into(),
            request_id: request_id.into(),
            errors: Vec::new(),
            extensions: serde_json::Map::new(),
        }
    }

    /// The headers that go with it: when to try again, which limit, how to authenticate.
    pub(super) fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        if let Self::WebSocket(refusal) = self {
            return refusal.headers();
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

pub(super) async fn no_such_route() -> Fault {
    Fault::NoRoute
}

pub(super) async fn no_such_method() -> Fault {
    Fault::NoMethod
}
