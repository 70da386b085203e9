//! Failures of provider calls: the fault, whether a retry may help, and the text for users.

use std::{borrow::Cow, time::Duration};

use super::Tokens;
use crate::config::Secret;

/// The most characters a detail has.
const MAX_DETAIL: usize = 500;

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct Failure {
    pub kind: FailureKind,
    /// A text of bounded length, in one line, without control characters and without keys.
    pub detail: String,
    /// The retry delay that the provider asks for.
    pub retry_after: Option<Duration>,
    /// The HTTP status, if there was a response at all.
    pub status: Option<u16>,
    /// The provider and its URL, in words.
    pub endpoint: Option<String>,
    /// The usage reported before the failure; for the output this may be far too low.
    pub tokens: Option<Tokens>,
}

/// The kind of a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FailureKind {
    /// No connection: name not found, refused, no TLS.
    Unreachable,
    /// The connection broke after the request was sent. Also a pooled connection that had died unnoticed.
    Disconnected,
    Timeout(TimeoutKind),
    /// Its concurrency bound is reached, and no call has ended in time.
    Busy,
    /// It is overloaded or broken, and says so.
    Unavailable,
    RateLimited,
    /// The account has run out of money or quota. Waiting does not help.
    QuotaExhausted,
    /// Our key is missing, wrong, or not allowed to do this.
    Auth,
    UnknownModel,
    /// It redirects, which is not followed.
    Redirected,
    /// It refuses the request as it is.
    Rejected,
    ContextTooLong,
    /// It refuses the content of the messages.
    ContentRefused,
    /// No recording of this request; no provider was called.
    NotRecorded,
    /// It does not speak the protocol.
    Protocol,
    /// The stream ended before the reply did.
    Incomplete,
}

/// The timeout that passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TimeoutKind {
    Connect,
    FirstToken,
    Idle,
    Total,
}

/// The party that can fix it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The provider.
    Upstream,
    Network,
    /// The operator of this service.
    Configuration,
    /// The parameters of the request.
    Request,
    /// The content of the messages.
    Content,
}

impl FailureKind {
    pub fn fault(self) -> Fault {
        match self {
            Self::Unreachable | Self::Disconnected | Self::Timeout(TimeoutKind::Connect) => Fault::Network,
            Self::Timeout(_)
            | Self::Busy
            | Self::Unavailable
            | Self::RateLimited
            | Self::Protocol
            | Self::Incomplete => Fault::Upstream,
            Self::QuotaExhausted | Self::Auth | Self::UnknownModel | Self::Redirected => Fault::Configuration,
            Self::Rejected | Self::ContextTooLong | Self::NotRecorded => Fault::Request,
            Self::ContentRefused => Fault::Content,
        }
    }

    /// Whether the same call may succeed a moment later. Only before any of its text was shown.
    pub fn is_retryable(self) -> bool {
        match self {
            Self::Unreachable | Self::Disconnected | Self::Unavailable | Self::RateLimited | Self::Incomplete => true,
            // Otherwise the request was sent, and a server may still work on it: a retry would queue behind it.
            Self::Timeout(waiting) => waiting == TimeoutKind::Connect,
            Self::Busy
            | Self::QuotaExhausted
            | Self::Auth
            | Self::UnknownModel
            | Self::Redirected
            | Self::Rejected
            | Self::ContextTooLong
            | Self::ContentRefused
            | Self::NotRecorded
            | Self::Protocol => false,
        }
    }

    /// A stable word: problem code, log field and metric label.
    pub fn code(self) -> &'static str {
        match self {
            Self::Unreachable => "provider_unreachable",
            Self::Disconnected => "provider_disconnected",
            Self::Timeout(_) => "provider_timeout",
            Self::Busy => "provider_busy",
            Self::Unavailable => "provider_unavailable",
            Self::RateLimited => "provider_rate_limited",
            Self::QuotaExhausted => "provider_quota_exhausted",
            Self::Auth => "provider_auth",
            Self::UnknownModel => "provider_unknown_model",
            Self::Redirected => "provider_redirected",
            Self::Rejected => "provider_rejected",
            Self::ContextTooLong => "context_too_long",
            Self::ContentRefused => "content_refused",
            Self::NotRecorded => "not_recorded",
            Self::Protocol => "provider_protocol",
            Self::Incomplete => "provider_incomplete",
        }
    }
}

impl Failure {
    pub(super) fn new(kind: FailureKind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into(), retry_after: None, status: None, endpoint: None, tokens: None }
    }

    /// The text for users. What a provider says about our key, our address or its internals is for the operator only.
    pub fn user_message(&self) -> Cow<'_, str> {
        match (self.kind.fault(), self.kind, self.status) {
            (Fault::Configuration, ..) => {
                "the model's provider is not set up right; an operator has to look at it".into()
            }
            (_, FailureKind::Unavailable, Some(status @ 500..)) => {
                format!("the model's provider failed with status {status}; try again shortly").into()
            }
            (_, FailureKind::Unavailable, _) if shows_insides(&self.detail) => {
                "the model's provider broke off with an error; try again shortly".into()
            }
            _ => Cow::Borrowed(&self.detail),
        }
    }

    /// Where and why it failed, in the provider's own words, where users get less.
    pub fn cause(&self) -> Option<String> {
        if self.user_message() == self.detail {
            return None;
        }
        let endpoint = self.endpoint.as_deref().map_or_else(String::new, |endpoint| format!("{endpoint}: "));
        Some(format!("{endpoint}{}", self.detail))
    }

    /// Sanitizes the detail: what a provider says is foreign text, and some repeat the keys they were given.
    pub(super) fn presentable<'s>(mut self, keys: impl IntoIterator<Item = &'s Secret>) -> Self {
        let keys = keys.into_iter().map(Secret::expose).filter(|key| !key.is_empty());
        let shown = keys.fold(self.detail, |detail, key| detail.replace(key, "***"));
        let words = shown.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
        // OpenAI shows a part of a wrong key: `sk-proj-****abcd`.
        let line = words.map(|word| if holds_key(word) { "***" } else { word }).collect::<Vec<_>>().join(" ");
        self.detail = match line.char_indices().nth(MAX_DETAIL) {
            Some((end, _)) => format!("{}…", &line[..end]),
            None => line,
        };
        self
    }
}

/// Whether a text looks like a trace, a path, an address or a document rather than a sentence.
fn shows_insides(text: &str) -> bool {
    text.contains(['/', '\\', '{', '<']) || text.contains("Traceback")
}

/// Whether a word holds something that begins like a key. `risk-free` does not.
fn holds_key(word: &str) -> bool {
    word.match_indices("sk-").any(|(at, _)| !word[..at].ends_with(char::is_alphanumeric))
}

#[cfg(test)]
pub(crate) mod tests {
    use std::collections::HashSet;

    use super::*;

    pub const ALL: [FailureKind; 19] = [
        FailureKind::Unreachable,
        FailureKind::Disconnected,
        FailureKind::Timeout(TimeoutKind::Connect),
        FailureKind::Timeout(TimeoutKind::FirstToken),
        FailureKind::Timeout(TimeoutKind::Idle),
        FailureKind::Timeout(TimeoutKind::Total),
        FailureKind::Busy,
        FailureKind::Unavailable,
        FailureKind::RateLimited,
        FailureKind::QuotaExhausted,
        FailureKind::Auth,
        FailureKind::UnknownModel,
        FailureKind::Redirected,
        FailureKind::Rejected,
        FailureKind::ContextTooLong,
        FailureKind::ContentRefused,
        FailureKind::NotRecorded,
        FailureKind::Protocol,
        FailureKind::Incomplete,
    ];

    #[test]
    fn only_the_timeouts_share_a_code() {
        let codes: HashSet<_> = ALL.iter().map(|kind| kind.code()).collect();
        assert_eq!(codes.len(), ALL.len() - 3);
    }

    #[test]
    fn what_operator_or_user_must_change_is_not_retried() {
        for kind in ALL {
            if matches!(kind.fault(), Fault::Configuration | Fault::Request | Fault::Content) {
                assert!(!kind.is_retryable(), "{kind:?}");
            }
        }
    }

    #[test]
    fn users_are_told_less_than_operators() {
        let (ours, set_up) = ("status 500; try again", "not set up right");
        for (kind, status, detail, told, is_hidden) in [
            (FailureKind::Auth, Some(401), "answered 401: bad key", set_up, true),
            (FailureKind::UnknownModel, Some(404), "answered 404: no x", set_up, true),
            (FailureKind::Unavailable, Some(500), "answered 500: File \"/srv/app.py\"", ours, true),
            (FailureKind::Unavailable, Some(500), "answered 500: oops", ours, true),
            (FailureKind::Unavailable, None, "broke off with an error: busy", "busy", false),
            (
                FailureKind::Unavailable,
                None,
                "broke off: Traceback (most recent call last)",
                "broke off with an error;",
                true,
            ),
            (FailureKind::Unavailable, None, "broke off: no file /srv/x", "broke off with an error;", true),
            (FailureKind::Rejected, Some(400), "answered 400: no `a/b` here", "`a/b`", false),
            (FailureKind::RateLimited, Some(429), "answered 429: slow down", "slow down", false),
        ] {
            let failure = Failure { status, endpoint: Some("provider `p`, URL".into()), ..Failure::new(kind, detail) };
            assert!(failure.user_message().contains(told), "{failure:?}");
            let cause = is_hidden.then(|| format!("provider `p`, URL: {detail}"));
            assert_eq!(failure.cause(), cause, "{failure:?}");
        }
    }

    #[test]
    fn a_detail_is_bounded_without_keys_or_control_chars() {
        let key = Secret::new("abc-secret");
        for (said, shown) in [
            ("bad key abc-secret\r\n\u{1b}[31mred\0", "bad key *** [31mred".to_owned()),
            ("Incorrect API key provided: sk-pr**cd.", "Incorrect API key provided: ***".to_owned()),
            ("a risk-free \"sk-1\"", "a risk-free ***".to_owned()),
            (&"é".repeat(600), format!("{}…", "é".repeat(500))),
            (&format!("{}abc-secret", "x".repeat(495)), format!("{}***", "x".repeat(495))),
        ] {
            assert_eq!(Failure::new(FailureKind::Auth, said).presentable(Some(&key)).detail, shown);
        }
    }
}
