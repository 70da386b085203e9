//! Classification of provider errors: by type and code, by phrase, by status.

mod phrases;
mod shapes;

use std::time::Duration;

use self::shapes::ErrorContent;
use super::{Failure, FailureKind};

const QUOTA_EXHAUSTED: &[&str] =
    &["insufficient_quota", "billing_error", "billing_hard_limit_reached", "budget_exceeded", "insufficient_credits"];

const CONTEXT_TOO_LONG: &[&str] = &[
    "context_length_exceeded",
    "context_window_exceeded",
    "ContextWindowExceededError",
    "request_too_large",
    // llama.cpp.
    "exceed_context_size_error",
    "string_above_max_length",
    "tokens_limit_reached",
    "model_max_prompt_tokens_exceeded",
    "model_context_window_exceeded",
    "prompt_too_long",
    "input_too_long",
];

const CONTENT_REFUSED: &[&str] =
    &["content_policy_violation", "content_filter", "ContentPolicyViolationError", "ResponsibleAIPolicyViolation"];

const AUTH: &[&str] = &[
    "authentication_error",
    "permission_error",
    "invalid_api_key",
    // Google sends 400.
    "API_KEY_INVALID",
    // LiteLLM without a database, for any key but its own: 400.
    "no_db_connection",
];

/// An error that a provider reports.
#[derive(Debug, Default)]
pub struct ErrorBody {
    /// Its message; empty if it has none.
    pub message: String,
    /// The retry delay, where the body has one.
    pub retry_after: Option<Duration>,
    /// Its types, codes and statuses.
    words: Vec<String>,
    /// The message, normalized for the phrases.
    plain: String,
}

impl ErrorBody {
    /// Parses a body. `None`: it has no message.
    pub fn parse(body: &str) -> Option<Self> {
        Some(Self::of(body)).filter(|error_body| !error_body.message.is_empty())
    }

    /// Reads a plain text, as proxies send it.
    pub fn of_text(text: &str) -> Option<Self> {
        let is_prose = !text.trim().is_empty() && !text.contains(['<', '{']);
        is_prose.then(|| Self { message: text.trim().to_owned(), plain: phrases::plain(text), ..Self::default() })
    }

    fn of(json: &str) -> Self {
        let ErrorContent { sentences, words, retry_after, .. } = ErrorContent::parse(json);
        let message = sentences.join("; ");
        Self { plain: phrases::plain(&message), message, words, retry_after }
    }

    /// The failure of an event that is an error by one of the shapes of errors, though not by its name.
    pub fn in_event(json: &str) -> Option<Failure> {
        let said = ErrorContent::parse(json);
        let is_named = said.words.is_empty() || said.words.iter().any(|word| names_an_error(word));
        (said.is_error || (said.speaks && is_named)).then(|| Self::in_stream(json))
    }

    /// The failure of an error in a stream.
    pub fn in_stream(data: &str) -> Failure {
        let error_body = Self::of_text(data).unwrap_or_else(|| Self::of(data));
        let said = if error_body.message.is_empty() { "it gave no reason" } else { &error_body.message };
        let failure = Failure::new(error_body.kind(None), format!("the provider broke off with an error: {said}"));
        Failure { retry_after: error_body.retry_after, ..failure }
    }

    /// Classifies the error. An unambiguous word counts more than the status (OpenAI sends 429 for an empty account);
    /// other words count only within a stream, where there is no status.
    pub fn kind(&self, status: Option<u16>) -> FailureKind {
        let is_error = |status: &u16| (300..600).contains(status);
        let number = || self.words.iter().filter_map(|word| word.parse().ok()).find(is_error);
        let status = status.filter(is_error).or_else(number);
        if let Some(kind) = self.kind_without_doubt(status) {
            return kind;
        }
        match status {
            Some(status) => kind_of_status(status),
            None if self.has(&["rate_limit_error", "rate_limit_exceeded"]) => FailureKind::RateLimited,
            None if self.has(AUTH) => FailureKind::Auth,
            None if self.has(&["not_found_error", "model_not_found"]) => FailureKind::UnknownModel,
            None if self.has(&["invalid_request_error"]) => FailureKind::Rejected,
            None => FailureKind::Unavailable,
        }
    }

    fn kind_without_doubt(&self, status: Option<u16>) -> Option<FailureKind> {
        if self.has(QUOTA_EXHAUSTED) || phrases::is_quota_exhausted(&self.plain) {
            return Some(FailureKind::QuotaExhausted);
        }
        // A response about the key is none about the request, whatever words it uses.
        let is_about_key = matches!(status, Some(401..=403));
        if self.has(CONTEXT_TOO_LONG) || (!is_about_key && phrases::is_context_too_long(&self.plain)) {
            return Some(FailureKind::ContextTooLong);
        }
        if self.has(CONTENT_REFUSED) {
            return Some(FailureKind::ContentRefused);
        }
        // With a server error, the model it names is not the cause.
        if !matches!(status, None | Some(400 | 422)) {
            return None;
        }
        if self.has(&["API_KEY_INVALID", "no_db_connection"]) {
            return Some(FailureKind::Auth);
        }
        let is_unknown_model = self.has(&["model_not_found"]) || phrases::is_unknown_model(&self.plain);
        is_unknown_model.then_some(FailureKind::UnknownModel)
    }

    fn has(&self, words: &[&str]) -> bool {
        self.words.iter().any(|word| words.iter().any(|known| word.eq_ignore_ascii_case(known)))
    }
}

/// Whether a type, a code or a status is that of an error: `InternalServerError`, `failed`, 500. A progress report has
/// others.
fn names_an_error(word: &str) -> bool {
    let word = word.to_ascii_lowercase();
    match word.parse::<u64>() {
        Ok(number) => number != 0 && !(200..300).contains(&number),
        Err(_) => ["error", "exception", "fail", "invalid", "exceeded"].iter().any(|part| word.contains(part)),
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
            (r#"[{"error":{"code":400,"message":"no","status":"INVALID_ARGUMENT"}}]"#, Some("no")),
            (r#"{"error":"no","error_type":"validation"}"#, Some("no")),
            (r#"{"error":"Bad Request","message":"no","statusCode":400}"#, Some("no")),
            (r#"{"type":"about:blank","title":"Bad Request","status":400,"detail":"no"}"#, Some("no")),
            (r#"{"detail":[{"loc":["body","n"],"msg":"no","input":"a text"},{"msg":"and no"}]}"#, Some("no; and no")),
            (r#"{"object":"error","message":{"detail":[{"msg":"no"}]}}"#, Some("no")),
            (
                r#"{"error":{"message":"failed","metadata":{"raw":"{\"error\":{\"message\":\"no\"}}"}}}"#,
                Some("failed; no"),
            ),
            (r#"{"error":"{\"error\":{\"message\":\"no\"}}"}"#, Some("no")),
            (r#"{"error":{"error":{"error":{"message":"no"}}}}"#, Some("no")),
            (r#"{"errors":[{"code":7009,"message":"no"}],"success":false,"messages":[]}"#, Some("no")),
            (r#"{"base_resp":{"status_code":2013,"status_msg":"no"}}"#, Some("no")),
            ("event: error\ndata: {\"error\":{\"message\":\"no\"}}\n\n", Some("no")),
            ("\u{feff} {\"message\":\"no\"}\n", Some("no")),
            (r#"{"error":{"message":" "}}"#, None),
            (r#"{"id":"x","choices":[]}"#, None),
            ("<html>", None),
            ("", None),
        ] {
            assert_eq!(ErrorBody::parse(json).map(|it| it.message).as_deref(), message, "{json}");
        }
    }

    #[test]
    fn json_without_end_is_followed_only_so_far() {
        let deep = format!("{}1{}", "[".repeat(100), "]".repeat(100));
        assert_eq!(ErrorBody::parse(&deep).map(|it| it.message), None);
    }

    #[test]
    fn an_error_among_events_is_told_from_other_events() {
        for (json, said) in [
            (r#"{"error":{"message":"no"}}"#, Some("no")),
            (r#"{"error":"no"}"#, Some("no")),
            (r#"{"choices":[],"error":{"code":500}}"#, Some("it gave no reason")),
            (r#"{"object":"error","message":"no","type":"InternalServerError","code":500}"#, Some("no")),
            (r#"{"detail":"no"}"#, Some("no")),
            (r#"{"message":"no"}"#, Some("no")),
            (r#"{"code":1261,"msg":"no"}"#, Some("no")),
            (r#"{"status":"error","message":"no"}"#, Some("no")),
            (r#"{"base_resp":{"status_code":1004,"status_msg":"no"}}"#, Some("no")),
            (r#"{"error":""}"#, None),
            (r#"{"error":{}}"#, None),
            (r#"{"error":{"message":"","code":0,"type":null}}"#, None),
            (r#"{"error":[],"detail":null}"#, None),
            (r#"{"type":"status","message":"in the queue"}"#, None),
            (r#"{"object":"chat.completion.chunk","choices":[],"metadata":"x"}"#, None),
            (r#"{"code":0,"msg":"ok"}"#, None),
            (r#"{"title":"A new conversation"}"#, None),
            ("{}", None),
        ] {
            let told = ErrorBody::in_event(json).map(|failure| failure.detail);
            let expected = said.map(|said| format!("the provider broke off with an error: {said}"));
            assert_eq!(told, expected, "{json}");
        }
        assert!(ErrorBody::in_stream("engine died").detail.ends_with(": engine died"));
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
            (
                Some(400),
                r#"{"error":{"message":"Invalid model name passed in model=x. Call `/v1/models`"}}"#,
                K::UnknownModel,
            ),
            (Some(400), r#"{"error":{"message":"No connected db.","type":"no_db_connection"}}"#, K::Auth),
            (
                Some(400),
                r#"[{"error":{"code":400,"message":"API key not valid.","details":[{"reason":"API_KEY_INVALID"}]}}]"#,
                K::Auth,
            ),
            (Some(400), r#"{"error":{"message":"Your credit balance is too low"}}"#, K::QuotaExhausted),
            (Some(500), r#"{"error":{"message":"the model x does not exist"}}"#, K::Unavailable),
            (Some(401), r#"{"error":{"message":"the prompt is too long a secret"}}"#, K::Auth),
            (
                None,
                r#"{"error":{"code":500,"message":"Context size has been exceeded.","type":"server_error"}}"#,
                K::ContextTooLong,
            ),
        ] {
            assert_eq!(ErrorBody::parse(json).unwrap().kind(status), kind, "{status:?} {json}");
        }
    }
}
