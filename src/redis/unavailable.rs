//! Why a call failed, and whether the next would fail too.

use std::time::Duration;

use redis::{ErrorKind, RedisError, ServerErrorKind};

/// The cause of a failed call.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unavailable {
    /// The breaker is open; nothing was sent.
    #[error("redis is away")]
    Open,
    /// May have been carried out all the same.
    #[error("redis did not answer within {0:?}")]
    Timeout(Duration),
    /// May have been carried out all the same.
    #[error("the connection to redis failed: {0}")]
    Connection(String),
    /// An error by which Redis reports that it cannot serve at present: `LOADING`, `READONLY`, `MASTERDOWN`, `OOM`, …
    #[error("redis answers {0}")]
    Answer(String),
    /// The user may not run a command that is needed, or there is no such command: waiting does not help.
    #[error("redis refuses what is needed: {0}")]
    Denied(String),
    /// A cluster is moving the keys of this command, and has not got far enough. Nothing was carried out.
    #[error("redis is moving the keys")]
    Moving,
    /// Redis is well and the command is wrong: a bug of this program.
    #[error("redis rejected a command: {0}")]
    Rejected(String),
}

impl Unavailable {
    /// Whether the next call would most likely fail in the same way, so that it need not be tried.
    pub(super) fn is_outage(&self) -> bool {
        match self {
            Self::Timeout(_) | Self::Connection(_) | Self::Answer(_) | Self::Denied(_) => true,
            Self::Open | Self::Moving | Self::Rejected(_) => false,
        }
    }
}

impl From<RedisError> for Unavailable {
    fn from(error: RedisError) -> Self {
        use ServerErrorKind::{CrossSlot, ExecAbort, NoPerm, NoScript, NoSub, NotBusy, ResponseError, TryAgain};
        // A transaction is aborted because of the first command that was refused.
        if error.kind() == ErrorKind::Server(ExecAbort)
            && let Some((_, first)) = error.clone().into_server_errors().and_then(|errors| errors.first().cloned())
            && first.kind() != Some(ExecAbort)
        {
            return Self::from(RedisError::from(first));
        }
        match error.kind() {
            // A connection that sends what cannot be parsed is out of sync for good.
            ErrorKind::Io | ErrorKind::Parse | ErrorKind::ClusterConnectionNotFound => {
                Self::Connection(error.to_string())
            }
            ErrorKind::Server(TryAgain) => Self::Moving,
            ErrorKind::Server(NoPerm) | ErrorKind::AuthenticationFailed => Self::Denied(error.to_string()),
            _ if is_denied(&error) => Self::Denied(error.to_string()),
            ErrorKind::Server(ResponseError | CrossSlot | ExecAbort | NoScript | NoSub | NotBusy)
            | ErrorKind::UnexpectedReturnType
            | ErrorKind::Client
            | ErrorKind::InvalidClientConfig => Self::Rejected(error.to_string()),
            // `OOM`, `MISCONF`, `NOREPLICAS` and `BUSY` come as extensions; of those only this one is our own fault.
            ErrorKind::Extension if error.code() == Some("WRONGTYPE") => Self::Rejected(error.to_string()),
            _ => Self::Answer(error.code().map_or_else(|| error.to_string(), str::to_owned)),
        }
    }
}

/// `WRONGPASS` and `NOAUTH` come as extensions; before Redis 7 a script reports a missing permission in its text only.
fn is_denied(error: &RedisError) -> bool {
    matches!(error.code(), Some("WRONGPASS" | "NOAUTH" | "NOPERM"))
        || error.to_string().contains("can't run this command or subcommand")
}
