//! Errors of the operations. Each has a stable code, which is problem type, log field, metric label and audit outcome; HTTP
//! statuses are given here, in one match.

mod wording;

use serde_json::{Map, Value, json};

use self::wording::{away, list, near_or, redis_away, title, where_listed};
use super::Refused;
use crate::{
    auth::QueueFull,
    limits,
    model::{Invalid, Problem, TurnError, TurnId},
    provider, redis,
    store::{self, Outage},
};

pub type Result<T> = std::result::Result<T, Error>;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{}", list(.0))]
    Invalid(Vec<Invalid>),
    #[error("no model `{name}`{}", near_or(.near, Self::MODELS_OVER_HTTP))]
    UnknownModel { name: String, near: Vec<String> },
    #[error("no {kind} `{name}`{}", near_or(.near, where_listed(.kind)))]
    NotFound { kind: &'static str, name: String, near: Vec<String> },
    #[error("{0}")]
    Unauthenticated(String),
    #[error("wrong user name or password")]
    WrongCredentials,
    #[error("{0}")]
    Forbidden(String),
    /// Self-registration is switched off.
    #[error("{0}")]
    Closed(String),
    #[error("{detail}")]
    Conflict { code: &'static str, detail: String },
    #[error("this idempotency key was used for another request within the last 24 hours; choose a new one")]
    KeyReused,
    #[error("{0}")]
    RateLimited(Box<Refused>),
    #[error("{max} WebSockets of this user are open here; close one")]
    TooManySockets { max: usize },
    #[error("{}", away(.0))]
    DatabaseUnavailable(Outage),
    #[error("{}", redis_away(.0))]
    RedisUnavailable(redis::Unavailable),
    #[error("this server is shutting down; try another")]
    Draining,
    #[error("this server is overloaded; try again shortly")]
    Overloaded,
    #[error("{}", .0.user_message())]
    Provider(Box<provider::Failure>),
    #[error("{0}")]
    ContextTooLong(provider::TooLong),
    #[error("the server stopped before the reply was complete; send the message again")]
    Interrupted,
    #[error("{0}")]
    Schema(String),
    /// Something an operator has to set right.
    #[error("{0}")]
    Setup(String),
    #[error("internal error; the log tells more")]
    Internal(String),
}

impl Error {
    /// Where a client finds the names of models. The shell has a command for it.
    pub const MODELS_OVER_HTTP: &str = "; `GET /api/v1/models` lists them";

    pub fn not_found(kind: &'static str, name: impl ToString) -> Self {
        Self::NotFound { kind, name: name.to_string(), near: Vec::new() }
    }

    /// A stable word for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Invalid(_) => "invalid_request",
            Self::UnknownModel { .. } => "unknown_model",
            Self::NotFound { .. } => "not_found",
            Self::Unauthenticated(_) => "unauthenticated",
            Self::WrongCredentials => "wrong_credentials",
            Self::Forbidden(_) => "forbidden",
            Self::Closed(_) => "registration_closed",
            Self::Conflict { code, .. } => code,
            Self::KeyReused => "idempotency_key_reused",
            Self::RateLimited(_) => "rate_limited",
            Self::TooManySockets { .. } => "too_many_sockets",
            Self::DatabaseUnavailable(_) => "database_unavailable",
            Self::RedisUnavailable(_) => "redis_unavailable",
            Self::Draining => "draining",
            Self::Overloaded => "overloaded",
            Self::Interrupted => "interrupted",
            Self::Provider(failure) => failure.kind.code(),
            Self::ContextTooLong(_) => "context_too_long",
            Self::Schema(_) => "schema_mismatch",
            Self::Setup(_) => "setup",
            Self::Internal(_) => "internal",
        }
    }

    /// The HTTP status.
    pub fn status(&self) -> u16 {
        match self {
            Self::Invalid(_) | Self::UnknownModel { .. } | Self::KeyReused | Self::ContextTooLong(_) => 422,
            Self::NotFound { .. } => 404,
            Self::Unauthenticated(_) | Self::WrongCredentials => 401,
            Self::Forbidden(_) | Self::Closed(_) => 403,
            Self::Conflict { .. } => 409,
            Self::RateLimited(_) | Self::TooManySockets { .. } => 429,
            Self::DatabaseUnavailable(_)
            | Self::RedisUnavailable(_)
            | Self::Draining
            | Self::Overloaded
            | Self::Interrupted
            | Self::Schema(_) => 503,
            Self::Provider(failure) => status_for(failure.kind),
            Self::Setup(_) | Self::Internal(_) => 500,
        }
    }

    /// Seconds after which another try makes sense.
    pub fn retry_after_secs(&self) -> Option<u64> {
        match self {
            Self::RateLimited(refused) => refused.retry_after_secs,
            Self::DatabaseUnavailable(outage) if outage.remedy.is_some() && !outage.is_read_only() => None,
            Self::RedisUnavailable(redis::Unavailable::Denied(_)) => None,
            Self::DatabaseUnavailable(_) | Self::RedisUnavailable(_) | Self::Draining | Self::Overloaded => Some(1),
            Self::Provider(failure) => failure.retry_after.map(|after| after.as_secs_f64().ceil().max(1.0) as u64),
            _ => None,
        }
    }

    /// The document that leaves the program.
    pub fn problem(&self, request_id: &str) -> Problem {
        Problem {
            kind: format!("urn:mcpchat:problem:{}", self.code()),
            title: title(self.status()).into(),
            status: self.status(),
            detail: self.to_string(),
            code: self.code().into(),
            request_id: request_id.into(),
            errors: if let Self::Invalid(errors) = self { errors.clone() } else { Vec::new() },
            extensions: self.extensions(),
        }
    }

    fn extensions(&self) -> Map<String, Value> {
        let members = match self {
            Self::RateLimited(refused) => refused.members(),
            Self::Provider(failure) if failure.retry_after.is_some() => {
                json!({ "retry_after_secs": self.retry_after_secs() })
            }
            Self::UnknownModel { near, .. } => json!({ "did_you_mean": near }),
            Self::NotFound { near, .. } if !near.is_empty() => json!({ "did_you_mean": near }),
            _ => json!({}),
        };
        if let Value::Object(members) = members { members } else { Map::new() }
    }

    /// What an operator at the shell should know beyond the answer, if anything.
    pub fn cause(&self) -> Option<String> {
        match self {
            Self::Provider(failure) => failure.cause(),
            _ => self.own_cause(),
        }
    }

    /// The same for the log: without what a provider says, for it may repeat what it was told.
    pub fn own_cause(&self) -> Option<String> {
        match self {
            Self::Internal(cause) => Some(cause.clone()),
            Self::DatabaseUnavailable(outage) => Some(outage.to_string()),
            Self::RedisUnavailable(away) => Some(away.to_string()),
            _ => None,
        }
    }

    /// What a limit said, if one refused.
    pub fn refused_by_limit(&self) -> Option<&Refused> {
        if let Self::RateLimited(refused) = self { Some(refused) } else { None }
    }

    /// The status a provider has answered with, where that is what went wrong.
    pub fn provider_status(&self) -> Option<u16> {
        if let Self::Provider(failure) = self { failure.status } else { None }
    }
}

/// How a turn has failed, told from what was stored of it: with the status that its own client was given.
pub(super) fn stored_problem(error: &TurnError, turn: TurnId) -> Problem {
    let status = status_of(&error.code);
    Problem {
        kind: format!("urn:mcpchat:problem:{}", error.code),
        title: title(status).into(),
        status,
        detail: error.detail.clone(),
        code: error.code.clone(),
        request_id: String::new(),
        errors: Vec::new(),
        extensions: Map::from_iter([("turn_id".to_owned(), turn.to_string().into())]),
    }
}

/// The status of a failure of which only the code is known.
fn status_of(code: &str) -> u16 {
    match code {
        "unknown_model" | "context_too_long" | "content_refused" | "not_recorded" => 422,
        "provider_rate_limited"
        | "provider_busy"
        | "provider_unavailable"
        | "provider_unreachable"
        | "provider_disconnected"
        | "interrupted"
        | "database_unavailable" => 503,
        "provider_timeout" => 504,
        "internal" => 500,
        _ => 502,
    }
}

/// The provider's fault is 502, its absence 503, its silence 504; what we are told about the request is the client's.
fn status_for(kind: provider::FailureKind) -> u16 {
    use provider::FailureKind as Kind;
    match kind {
        Kind::Timeout(_) => 504,
        Kind::RateLimited | Kind::Busy | Kind::Unavailable | Kind::Unreachable | Kind::Disconnected => 503,
        Kind::ContextTooLong | Kind::ContentRefused | Kind::NotRecorded => 422,
        Kind::Auth
        | Kind::QuotaExhausted
        | Kind::UnknownModel
        | Kind::Redirected
        | Kind::Rejected
        | Kind::Protocol
        | Kind::Incomplete => 502,
    }
}

impl From<Invalid> for Error {
    fn from(invalid: Invalid) -> Self {
        Self::Invalid(vec![invalid])
    }
}

impl From<store::Error> for Error {
    fn from(error: store::Error) -> Self {
        match error {
            store::Error::Unavailable(outage) => Self::DatabaseUnavailable(outage),
            store::Error::Unanswered(cause) | store::Error::Locked(cause) => {
                Self::DatabaseUnavailable(Outage::passing(cause))
            }
            store::Error::Unstorable(cause) => {
                Self::Invalid(vec![Invalid::new("request", format!("holds what the database cannot keep: {cause}"))])
            }
            store::Error::Schema(detail) => Self::Schema(detail),
            store::Error::Address(detail) => Self::Setup(format!("the database URL: {detail}")),
            store::Error::Gone(_) => Self::Conflict {
                code: "gone",
                detail: "the account that this belongs to was deleted a moment ago".into(),
            },
            store::Error::Duplicate { .. } | store::Error::Broken(_) => Self::Internal(error.to_string()),
        }
    }
}

impl From<limits::Error> for Error {
    fn from(error: limits::Error) -> Self {
        match error {
            limits::Error::Store(error) => error.into(),
            limits::Error::Redis(unavailable) => unavailable.into(),
        }
    }
}

impl From<QueueFull> for Error {
    fn from(_: QueueFull) -> Self {
        Self::Overloaded
    }
}

impl From<redis::Unavailable> for Error {
    fn from(away: redis::Unavailable) -> Self {
        Self::RedisUnavailable(away)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_keeps_its_status_by_its_code() {
        for kind in provider::ALL_FAILURES {
            assert_eq!(status_of(kind.code()), status_for(kind), "{kind:?}");
        }
        for error in
            [Error::Interrupted, Error::DatabaseUnavailable(Outage::passing("")), Error::Internal(String::new())]
        {
            assert_eq!(status_of(error.code()), error.status(), "{error:?}");
        }
    }
}
