//! Why a call gave no whole reply: whose fault, and whether another try may help.

use std::time::Duration;

use super::Tokens;
use crate::{config::Secret, terminal};

const MAX_DETAIL: usize = 500;

#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{detail}")]
pub struct Failure {
    pub kind: FailureKind,
    /// For people: one line, without keys.
    pub detail: String,
    /// When the provider wants to be asked again.
    pub retry_after: Option<Duration>,
    pub status: Option<u16>,
    /// What it had said about its use until then.
    pub tokens: Option<Tokens>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// It could not be reached, or the connection broke.
    Network,
    Timeout,
    RateLimited,
    /// 5xx.
    Unavailable,
    /// An error in the middle of a reply.
    Upstream,
    /// It answered with something that is no reply.
    Protocol,
    /// Our key is wrong: an operator's to set right.
    Auth,
    /// It does not know the model we ask for: an operator's to set right.
    UnknownModel,
    /// It refused the request as such.
    Rejected,
    ContextTooLong,
    /// It refused what the request is about.
    ContentRefused,
}

impl FailureKind {
    /// Whether the same request may succeed if it is made again.
    pub fn is_retryable(self) -> bool {
        match self {
            Self::Network | Self::Timeout | Self::RateLimited | Self::Unavailable | Self::Upstream | Self::Protocol => {
                true
            }
            Self::Auth | Self::UnknownModel | Self::Rejected | Self::ContextTooLong | Self::ContentRefused => false,
        }
    }
}

impl Failure {
    pub(super) fn new(kind: FailureKind, detail: impl Into<String>) -> Self {
        Self { kind, detail: bounded(&detail.into()), retry_after: None, status: None, tokens: None }
    }

    /// A stable word for programs.
    pub fn code(&self) -> &'static str {
        match self.kind {
            FailureKind::Network | FailureKind::Unavailable => "provider_unavailable",
            FailureKind::Timeout => "provider_timeout",
            FailureKind::RateLimited => "provider_rate_limited",
            FailureKind::Upstream => "provider_error",
            FailureKind::Protocol => "provider_protocol",
            FailureKind::Auth => "provider_auth",
            FailureKind::UnknownModel => "provider_unknown_model",
            FailureKind::Rejected => "provider_rejected",
            FailureKind::ContextTooLong => "context_too_long",
            FailureKind::ContentRefused => "content_refused",
        }
    }

    /// An answer with a status that is no success. `body` is its beginning.
    pub(super) fn of_status(provider: &str, status: u16, body: &str, key: Option<&Secret>) -> Self {
        let told = Told::read(body);
        let kind = kind_of(status, &told);
        let said = match kind {
            // What a provider says about our key is not for our users.
            FailureKind::Auth => "it refused our API key; an operator has to check it".to_owned(),
            _ if told.message.is_empty() => format!("status {status}"),
            _ => without_key(&told.message, key),
        };
        Self { status: Some(status), ..Self::new(kind, format!("provider `{provider}`: {said}")) }
    }

    /// An error event in the middle of a stream.
    pub(super) fn of_event(told: &Told) -> Self {
        let kind = match told.kind.as_str() {
            "overloaded_error" | "api_error" | "server_error" => FailureKind::Upstream,
            "rate_limit_error" | "rate_limit_exceeded" => FailureKind::RateLimited,
            _ if told.is_context() => FailureKind::ContextTooLong,
            _ if told.is_content() => FailureKind::ContentRefused,
            _ => FailureKind::Upstream,
        };
        let said = if told.message.is_empty() { "no reason given" } else { &told.message };
        Self::new(kind, format!("the provider broke off: {said}"))
    }
}

fn kind_of(status: u16, told: &Told) -> FailureKind {
    match status {
        401 | 403 => FailureKind::Auth,
        404 => FailureKind::UnknownModel,
        408 => FailureKind::Timeout,
        429 if told.kind == "insufficient_quota" => FailureKind::Auth,
        429 => FailureKind::RateLimited,
        500.. => FailureKind::Unavailable,
        300..=399 => FailureKind::Protocol,
        _ if told.is_context() => FailureKind::ContextTooLong,
        _ if told.is_content() => FailureKind::ContentRefused,
        _ => FailureKind::Rejected,
    }
}

/// What a provider says about an error, in any of the shapes that are in use.
#[derive(Debug, Default)]
pub(super) struct Told {
    pub(super) kind: String,
    pub(super) message: String,
}

impl Told {
    /// `{"error": {"type", "code", "message"}}`, `{"error": "text"}`, `{"message"}` or `{"detail"}`; nothing of what is no
    /// JSON, because a page of HTML helps nobody.
    pub(super) fn read(body: &str) -> Self {
        let document: serde_json::Value = serde_json::from_str(body).unwrap_or_default();
        let error = document.get("error").unwrap_or(&document);
        let text = |name: &str| error.get(name).and_then(|value| value.as_str()).map(str::to_owned);
        let message = error.as_str().map(str::to_owned).or_else(|| text("message")).or_else(|| text("detail"));
        Self { kind: text("code").or_else(|| text("type")).unwrap_or_default(), message: message.unwrap_or_default() }
    }

    fn is_context(&self) -> bool {
        let message = self.message.to_lowercase();
        self.kind == "context_length_exceeded"
            || ["maximum context length", "prompt is too long", "context window"]
                .iter()
                .any(|part| message.contains(part))
    }

    fn is_content(&self) -> bool {
        matches!(self.kind.as_str(), "content_policy_violation" | "content_filter" | "ResponsibleAIPolicyViolation")
    }
}

fn without_key(text: &str, key: Option<&Secret>) -> String {
    match key {
        Some(key) if !key.expose().is_empty() => text.replace(key.expose(), "***"),
        _ => text.to_owned(),
    }
}

fn bounded(text: &str) -> String {
    let line = terminal::line(text);
    if line.chars().count() <= MAX_DETAIL {
        return line.into_owned();
    }
    line.chars().take(MAX_DETAIL).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_says_whose_fault_it_is() {
        for (status, body, kind) in [
            (401, "{}", FailureKind::Auth),
            (404, "{}", FailureKind::UnknownModel),
            (429, "{}", FailureKind::RateLimited),
            (429, r#"{"error":{"code":"insufficient_quota"}}"#, FailureKind::Auth),
            (400, r#"{"error":{"code":"context_length_exceeded"}}"#, FailureKind::ContextTooLong),
            (
                400,
                r#"{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 9 > 8"}}"#,
                FailureKind::ContextTooLong,
            ),
            (400, r#"{"error":{"code":"content_policy_violation"}}"#, FailureKind::ContentRefused),
            (400, r#"{"error":"no"}"#, FailureKind::Rejected),
            (302, "", FailureKind::Protocol),
            (500, "<html>", FailureKind::Unavailable),
            (529, "{}", FailureKind::Unavailable),
        ] {
            assert_eq!(Failure::of_status("p", status, body, None).kind, kind, "{status} {body}");
        }
    }

    #[test]
    fn no_key_and_no_control_character_gets_into_a_detail() {
        let key = Secret::new("sk-canary");
        let body = "{\"error\":{\"message\":\"bad sk-canary \\u001b[2J\\nline\"}}";
        let failure = Failure::of_status("p", 400, body, Some(&key));
        assert!(
            !failure.detail.contains("sk-canary") && !failure.detail.contains(char::is_control),
            "{}",
            failure.detail
        );
        let failure = Failure::of_status("p", 401, body, Some(&key));
        assert!(!failure.detail.contains("bad"), "{}", failure.detail);
        assert!(Failure::new(FailureKind::Rejected, "x".repeat(10_000)).detail.chars().count() <= MAX_DETAIL + 1);
    }
}
