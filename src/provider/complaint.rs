//! What a provider says is wrong, out of the many shapes in which they say it, and what kind of failure that is.

use serde::Deserialize;

use super::{Failure, FailureKind};

/// A provider's error object.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Complaint {
    pub message: String,
    /// Its `type` and `code`.
    words: Vec<String>,
}

/// `{"error": {…}}` (OpenAI, Anthropic), `{"error": "…"}` (Ollama), `{"object": "error", "message": …}` (vLLM), `{"detail": "…"}` (FastAPI).
#[derive(Deserialize)]
struct Body {
    error: Option<Named>,
    #[serde(flatten)]
    object: Object,
    detail: Option<Named>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Named {
    Text(String),
    Object(Object),
    Other(serde::de::IgnoredAny),
}

#[derive(Deserialize)]
struct Object {
    message: Option<Word>,
    r#type: Option<Word>,
    code: Option<Word>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Word {
    Text(String),
    Number(i64),
    Other(serde::de::IgnoredAny),
}

impl Word {
    fn text(self) -> Option<String> {
        match self {
            Self::Text(text) => Some(text),
            Self::Number(number) => Some(number.to_string()),
            Self::Other(_) => None,
        }
    }
}

impl Complaint {
    /// Out of a body or an event that is, or holds, an error object.
    pub fn parse(json: &str) -> Option<Self> {
        let body: Body = serde_json::from_str(json).ok()?;
        let object = match body.error.or(body.detail) {
            Some(Named::Text(message)) => return Some(Self { message, words: Vec::new() }),
            Some(Named::Object(object)) => object,
            Some(Named::Other(_)) | None => body.object,
        };
        let words = [object.r#type, object.code].into_iter().flatten().filter_map(Word::text).collect();
        Some(Self { message: object.message.and_then(Word::text)?, words })
    }

    /// A failure for a complaint in the middle of a stream.
    pub fn in_stream(json: &str) -> Failure {
        let complaint = Self::parse(json).unwrap_or_default();
        let said = if complaint.message.is_empty() { "it gave no reason" } else { &complaint.message };
        Failure::new(complaint.kind(None), format!("the provider broke off with an error: {said}"))
    }

    /// What kind of failure it is. A word that leaves no doubt counts more than the status (OpenAI says 429 for an empty account);
    /// other words count only in the middle of a stream, where there is no status any more.
    pub fn kind(&self, status: Option<u16>) -> FailureKind {
        let said = self.message.to_ascii_lowercase();
        let has = |words: &[&str]| self.words.iter().any(|word| words.contains(&word.as_str()));
        if has(&["insufficient_quota", "billing_error", "billing_hard_limit_reached"]) {
            return FailureKind::QuotaExhausted;
        }
        if has(&["context_length_exceeded", "request_too_large"])
            || said.contains("maximum context length")
            || said.contains("prompt is too long")
        {
            return FailureKind::ContextTooLong;
        }
        if has(&["content_policy_violation", "content_filter", "ResponsibleAIPolicyViolation"]) {
            return FailureKind::ContentRefused;
        }
        let is_error = |status: &u16| (300..600).contains(status);
        let number = || self.words.iter().filter_map(|word| word.parse().ok()).find(is_error);
        match status.filter(is_error).or_else(number) {
            Some(status) => kind_of_status(status),
            None if has(&["rate_limit_error", "rate_limit_exceeded"]) => FailureKind::RateLimited,
            None if has(&["authentication_error", "permission_error", "invalid_api_key"]) => FailureKind::Auth,
            None if has(&["not_found_error", "model_not_found"]) => FailureKind::UnknownModel,
            None if has(&["invalid_request_error"]) => FailureKind::Rejected,
            None => FailureKind::Unavailable,
        }
    }
}

/// What an HTTP status of 300 or more means, where nothing else is known.
pub fn kind_of_status(status: u16) -> FailureKind {
    match status {
        300..=399 => FailureKind::Redirected,
        401 | 403 => FailureKind::Auth,
        402 => FailureKind::QuotaExhausted,
        404 => FailureKind::UnknownModel,
        408 | 409 | 425 => FailureKind::Unavailable,
        413 => FailureKind::ContextTooLong,
        429 => FailureKind::RateLimited,
        400..=499 => FailureKind::Rejected,
        _ => FailureKind::Unavailable,
    }
}

#[cfg(test)]
mod tests {
    use super::{FailureKind as K, *};

    #[test]
    fn every_shape_of_an_error_is_understood() {
        for (json, message) in [
            (r#"{"error":{"message":"no","type":"x","param":null,"code":null}}"#, Some("no")),
            (r#"{"type":"error","error":{"type":"api_error","message":"no"},"request_id":"r"}"#, Some("no")),
            (r#"{"error":"no"}"#, Some("no")),
            (r#"{"detail":"no"}"#, Some("no")),
            (r#"{"object":"error","message":"no","type":"BadRequestError","param":null,"code":400}"#, Some("no")),
            (r#"{"error":{"message":"no","code":{"odd":1}}}"#, Some("no")),
            (r#"{"error":[1]}"#, None),
            (r#"{"id":"x","choices":[]}"#, None),
            ("<html>", None),
            ("", None),
        ] {
            assert_eq!(Complaint::parse(json).map(|it| it.message).as_deref(), message, "{json}");
        }
    }

    #[test]
    fn kinds_follow_words_and_statuses() {
        for (status, json, kind) in [
            (
                Some(401),
                r#"{"error":{"message":"m","type":"invalid_request_error","code":"invalid_api_key"}}"#,
                K::Auth,
            ),
            (Some(403), r#"{"error":{"message":"m","type":"permission_error"}}"#, K::Auth),
            (Some(404), r#"{"error":{"message":"m","code":"model_not_found"}}"#, K::UnknownModel),
            (Some(429), r#"{"error":{"message":"m","type":"requests","code":"rate_limit_exceeded"}}"#, K::RateLimited),
            (Some(429), r#"{"error":{"message":"m","type":"insufficient_quota"}}"#, K::QuotaExhausted),
            (Some(402), r#"{"error":{"message":"m","type":"x"}}"#, K::QuotaExhausted),
            (Some(400), r#"{"error":{"message":"m","code":"context_length_exceeded"}}"#, K::ContextTooLong),
            (Some(400), r#"{"error":{"message":"prompt is too long: 9 > 8"}}"#, K::ContextTooLong),
            (Some(400), r#"{"message":"This model's maximum context length is 8","code":400}"#, K::ContextTooLong),
            (Some(413), r#"{"error":{"message":"m"}}"#, K::ContextTooLong),
            (Some(400), r#"{"error":{"message":"m","code":"content_policy_violation"}}"#, K::ContentRefused),
            (Some(400), r#"{"error":{"message":"m","type":"invalid_request_error"}}"#, K::Rejected),
            (Some(422), r#"{"detail":"m"}"#, K::Rejected),
            (Some(500), r#"{"error":{"message":"m"}}"#, K::Unavailable),
            (Some(529), r#"{"error":{"message":"m","type":"overloaded_error"}}"#, K::Unavailable),
            (None, r#"{"error":{"message":"m","type":"overloaded_error"}}"#, K::Unavailable),
            (None, r#"{"error":{"message":"m","type":"rate_limit_error"}}"#, K::RateLimited),
            (None, r#"{"error":{"message":"m","type":"invalid_request_error"}}"#, K::Rejected),
            (None, r#"{"error":{"message":"m","code":502}}"#, K::Unavailable),
            (None, r#"{"error":{"message":"m","code":"429"}}"#, K::RateLimited),
            (None, r#"{"error":{"message":"m","code":1}}"#, K::Unavailable),
            (Some(200), r#"{"error":{"message":"m","code":401}}"#, K::Auth),
        ] {
            assert_eq!(Complaint::parse(json).unwrap().kind(status), kind, "{status:?} {json}");
        }
    }
}
