//! A call that gave no reply: whose fault it is, whether asking again may help, and what to tell.

use std::time::Duration;

use super::Tokens;
use crate::config::Secret;

/// The most characters a detail has.
const MAX_DETAIL: usize = 500;

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct Failure {
    pub kind: FailureKind,
    /// For people. Of bounded length, in one line, without control characters and without keys.
    pub detail: String,
    /// How long the provider asks to be left alone.
    pub retry_after: Option<Duration>,
    /// The HTTP status, if there was an answer at all.
    pub status: Option<u16>,
    /// What the provider said was used before it failed; for the output this may be far too low.
    pub tokens: Option<Tokens>,
}

/// What went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FailureKind {
    /// No connection: name not found, refused, no TLS.
    Unreachable,
    /// The connection broke after the request was sent. Also a pooled connection that had died unnoticed.
    Disconnected,
    Timeout(Waiting),
    /// It is overloaded or broken, and says so.
    Unavailable,
    RateLimited,
    /// The account has run out of money or quota. Waiting does not help.
    QuotaExhausted,
    /// Our key is missing, wrong, or not allowed to do this.
    Auth,
    UnknownModel,
    /// It lives elsewhere; redirects are not followed.
    Redirected,
    /// It does not take the request as it is.
    Rejected,
    ContextTooLong,
    /// It will not answer this for what it says.
    ContentRefused,
    /// It does not speak the protocol.
    Protocol,
    /// The stream ended before the reply did.
    Incomplete,
}

/// What was waited for in vain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Waiting {
    Connect,
    FirstToken,
    Idle,
    Total,
}

/// Who can do something about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The provider.
    Upstream,
    Network,
    /// The operator of this service.
    Configuration,
    /// The parameters of the request.
    Request,
    /// What the messages say.
    Content,
}

impl FailureKind {
    pub fn fault(self) -> Fault {
        match self {
            Self::Unreachable | Self::Disconnected | Self::Timeout(Waiting::Connect) => Fault::Network,
            Self::Timeout(_) | Self::Unavailable | Self::RateLimited | Self::Protocol | Self::Incomplete => {
                Fault::Upstream
            }
            Self::QuotaExhausted | Self::Auth | Self::UnknownModel | Self::Redirected => Fault::Configuration,
            Self::Rejected | Self::ContextTooLong => Fault::Request,
            Self::ContentRefused => Fault::Content,
        }
    }

    /// Whether the same call may succeed a moment later. Only before any of its text was shown.
    pub fn is_retryable(self) -> bool {
        match self {
            Self::Unreachable | Self::Disconnected | Self::Unavailable | Self::RateLimited | Self::Incomplete => true,
            Self::Timeout(waiting) => waiting != Waiting::Total,
            Self::QuotaExhausted
            | Self::Auth
            | Self::UnknownModel
            | Self::Redirected
            | Self::Rejected
            | Self::ContextTooLong
            | Self::ContentRefused
            | Self::Protocol => false,
        }
    }

    /// A stable word: problem code, log field and metric label.
    pub fn code(self) -> &'static str {
        match self {
            Self::Unreachable => "provider_unreachable",
            Self::Disconnected => "provider_disconnected",
            Self::Timeout(_) => "provider_timeout",
            Self::Unavailable => "provider_unavailable",
            Self::RateLimited => "provider_rate_limited",
            Self::QuotaExhausted => "provider_quota_exhausted",
            Self::Auth => "provider_auth",
            Self::UnknownModel => "provider_unknown_model",
            Self::Redirected => "provider_redirected",
            Self::Rejected => "provider_rejected",
            Self::ContextTooLong => "context_too_long",
            Self::ContentRefused => "content_refused",
            Self::Protocol => "provider_protocol",
            Self::Incomplete => "provider_incomplete",
        }
    }
}

impl Failure {
    pub(super) fn new(kind: FailureKind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into(), retry_after: None, status: None, tokens: None }
    }

    /// Makes the detail fit to be shown: what a provider says is foreign text, and some repeat the key they were given.
    pub(super) fn presentable(mut self, key: Option<&Secret>) -> Self {
        let shown = match key.map(Secret::expose).filter(|key| !key.is_empty()) {
            Some(key) => self.detail.replace(key, "***"),
            None => self.detail,
        };
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

/// Whether a word holds something that begins like a key. `risk-free` does not.
fn holds_key(word: &str) -> bool {
    word.match_indices("sk-").any(|(at, _)| !word[..at].ends_with(char::is_alphanumeric))
}

#[cfg(test)]
pub(crate) mod tests {
    use std::collections::HashSet;

    use super::*;

    pub const ALL: [FailureKind; 17] = [
        FailureKind::Unreachable,
        FailureKind::Disconnected,
        FailureKind::Timeout(Waiting::Connect),
        FailureKind::Timeout(Waiting::FirstToken),
        FailureKind::Timeout(Waiting::Idle),
        FailureKind::Timeout(Waiting::Total),
        FailureKind::Unavailable,
        FailureKind::RateLimited,
        FailureKind::QuotaExhausted,
        FailureKind::Auth,
        FailureKind::UnknownModel,
        FailureKind::Redirected,
        FailureKind::Rejected,
        FailureKind::ContextTooLong,
        FailureKind::ContentRefused,
        FailureKind::Protocol,
        FailureKind::Incomplete,
    ];

    #[test]
    fn only_the_timeouts_share_a_code() {
        let codes: HashSet<_> = ALL.iter().map(|kind| kind.code()).collect();
        assert_eq!(codes.len(), ALL.len() - 3);
    }

    #[test]
    fn what_the_operator_or_the_user_must_change_is_not_tried_again() {
        for kind in ALL {
            if matches!(kind.fault(), Fault::Configuration | Fault::Request | Fault::Content) {
                assert!(!kind.is_retryable(), "{kind:?}");
            }
        }
    }

    #[test]
    fn a_detail_shows_no_key_and_no_control_character_and_has_an_end() {
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
