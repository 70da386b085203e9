//! Exit codes: part of the contract with scripts, so each is documented here and pinned by a test.

use std::process::ExitCode;

use crate::{app, model::Problem};

/// The exit code of a command; `MEANINGS` says what each means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    Done = 0,
    Internal = 1,
    Usage = 2,
    NotFound = 3,
    Conflict = 4,
    Forbidden = 5,
    Limited = 6,
    Dependency = 7,
    CheckFailed = 8,
    Configuration = 9,
    Deadline = 124,
    Interrupted = 130,
}

impl Exit {
    /// Every exit code with its meaning: what the help, the manual and the README say.
    pub const MEANINGS: [(Self, &str); 12] = [
        (Self::Done, "done, also when the reader of the output has closed the pipe"),
        (Self::Internal, "internal error"),
        (Self::Usage, "wrong usage, or a confirmation is missing"),
        (Self::NotFound, "not found"),
        (Self::Conflict, "conflict with the current state"),
        (Self::Forbidden, "not authenticated, or forbidden"),
        (Self::Limited, "rate limited, or over budget"),
        (Self::Dependency, "the database, Redis or a provider failed or cannot be reached"),
        (Self::CheckFailed, "an expectation, a check or a verification failed"),
        (Self::Configuration, "invalid configuration"),
        (Self::Deadline, "deadline passed"),
        (Self::Interrupted, "interrupted"),
    ];
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

impl From<&app::Error> for Exit {
    fn from(error: &app::Error) -> Self {
        use app::Error;
        match error {
            Error::Invalid(_) | Error::KeyReused | Error::ContextTooLong(_) => Self::Usage,
            Error::NotFound { .. } | Error::UnknownModel { .. } => Self::NotFound,
            Error::Conflict { .. } => Self::Conflict,
            Error::Unauthenticated(_) | Error::WrongCredentials | Error::Forbidden(_) | Error::Closed(_) => {
                Self::Forbidden
            }
            Error::RateLimited(_) | Error::TooManySockets { .. } => Self::Limited,
            Error::DatabaseUnavailable(_)
            | Error::RedisUnavailable(_)
            | Error::Draining
            | Error::Overloaded
            | Error::Interrupted
            | Error::Schema(_) => Self::Dependency,
            Error::Provider(_) => Self::of_code(error.code(), error.status()),
            Error::Setup(_) => Self::Configuration,
            Error::Internal(_) => Self::Internal,
        }
    }
}

impl From<&Problem> for Exit {
    fn from(problem: &Problem) -> Self {
        Self::of_code(&problem.code, problem.status)
    }
}

impl Exit {
    /// The exit code for a problem document: from a turn's last event, or over the wire.
    fn of_code(code: &str, status: u16) -> Self {
        match (code, status) {
            ("provider_auth", _) => Self::Forbidden,
            ("provider_rate_limited" | "provider_quota_exhausted", _) => Self::Limited,
            ("content_refused" | "not_recorded", _) => Self::CheckFailed,
            ("unknown_model" | "provider_unknown_model", _) | (_, 404) => Self::NotFound,
            (_, 401 | 403) => Self::Forbidden,
            (_, 409) => Self::Conflict,
            (_, 429) => Self::Limited,
            (_, 502..=504) => Self::Dependency,
            (_, 400..500) => Self::Usage,
            _ => Self::Internal,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_readme_has_the_table_of_exit_codes() {
        let rows = Exit::MEANINGS.map(|(exit, meaning)| format!("| {} | {meaning} |", exit as u8));
        let table = format!("| exit code | |\n|---|---|\n{}\n\n", rows.join("\n"));
        assert!(include_str!("../../README.md").contains(&table), "README.md needs:\n{table}");
    }
    use crate::{model::Invalid, redis::Unavailable, store::Outage};

    #[test]
    fn an_error_exits_alike_here_and_over_the_wire() {
        use app::Error;
        for (error, exit) in [
            (Error::Invalid(vec![Invalid::new("content", "bad")]), 2),
            (Error::not_found("user", "ada"), 3),
            (Error::UnknownModel { name: "x".into(), near: Vec::new() }, 3),
            (Error::Conflict { code: "username_taken", detail: String::new() }, 4),
            (Error::Unauthenticated(String::new()), 5),
            (Error::WrongCredentials, 5),
            (Error::Forbidden(String::new()), 5),
            (Error::Closed(String::new()), 5),
            (Error::DatabaseUnavailable(Outage::passing("")), 7),
            (Error::RedisUnavailable(Unavailable::Open), 7),
            (Error::Draining, 7),
            (Error::Overloaded, 7),
            (Error::Interrupted, 7),
            (Error::Schema(String::new()), 7),
            (Error::Internal(String::new()), 1),
        ] {
            assert_eq!(Exit::from(&error) as u8, exit, "{error:?}");
            assert_eq!(Exit::from(&error.problem("id")) as u8, exit, "{error:?} as a document");
        }
        assert_eq!(Exit::from(&Error::Setup(String::new())) as u8, 9);
    }
}
