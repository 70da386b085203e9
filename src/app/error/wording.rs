//! The wording of errors: titles by status, remedies, and lists of invalid members.

use crate::{model::Invalid, redis, store::Outage, suggestions};

pub(super) fn title(status: u16) -> &'static str {
    match status {
        401 => "Not authenticated",
        403 => "Forbidden",
        404 => "Not found",
        409 => "Conflict",
        422 => "Invalid request",
        429 => "Too many requests",
        502 => "Bad answer from the provider",
        503 => "Temporarily unavailable",
        504 => "The provider took too long",
        _ => "Internal error",
    }
}

/// Trying again is only told where it may help. What exactly is wrong is the operator's to know.
pub(super) fn away(outage: &Outage) -> &'static str {
    match &outage.remedy {
        Some(_) if outage.is_read_only() => {
            "the database is read-only: it takes no changes; make it writable, or connect to the primary"
        }
        Some(_) => "the database cannot be used as it is set up; an operator has to look at it",
        None => "the database cannot be reached; try again shortly",
    }
}

pub(super) fn redis_away(away: &redis::Unavailable) -> &'static str {
    match away {
        redis::Unavailable::Denied(_) => "Redis refuses what is needed; an operator has to look at it",
        _ => "Redis cannot be reached; try again shortly",
    }
}

pub(super) fn list(errors: &[Invalid]) -> String {
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// The remedy where no name is near.
pub(super) fn where_listed(kind: &str) -> &'static str {
    match kind {
        "user" => "; `mcpchat user list` shows them",
        "limit" => "; `mcpchat ratelimit show` lists them",
        "refusal" => "; the last 100 of each subject and rule are kept for a day",
        _ => "",
    }
}

/// `; did you mean …?`, or another remedy where nothing is near.
pub(super) fn near_or(near: &[String], otherwise: &str) -> String {
    if near.is_empty() {
        otherwise.to_owned()
    } else {
        format!("; did you mean {}?", suggestions::quoted(near.iter().map(String::as_str), " or "))
    }
}
