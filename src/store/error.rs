//! Database errors, sorted by what the caller can do about them.

use sqlx::{error::ErrorKind, migrate::MigrateError};

use super::Outage;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Unreachable, shutting down, full, read-only or not set up for us: nothing is wrong with the request.
    #[error("the database is away: {0}")]
    Unavailable(Outage),
    /// As `Unavailable`, but the statement may have been executed: no response came.
    #[error("the database is away: {0}")]
    Unanswered(String),
    /// Another transaction holds a lock that the statement needs, for longer than it may wait (`LockWait`).
    #[error("a row is locked: {0}")]
    Locked(String),
    /// A unique constraint refused the row; `constraint` names the index or column as far as the database reports it.
    #[error("already there: {constraint}")]
    Duplicate { constraint: String },
    /// The row that this one refers to was deleted a moment ago.
    #[error("what it belongs to is gone: {0}")]
    Gone(String),
    /// The database's schema is not this program's.
    #[error("{0}")]
    Schema(String),
    #[error("the address of the database is wrong: {0}")]
    Address(String),
    /// The request holds what the database cannot store: a text it has no characters for, a number that is too large.
    #[error("the database cannot keep this: {0}")]
    Unstorable(String),
    /// A bug here, or a damaged database.
    #[error("the database refused a statement: {0}")]
    Broken(#[source] sqlx::Error),
}

/// PostgreSQL's SQLSTATE after `lock_timeout`.
const LOCK_NOT_AVAILABLE: &str = "55P03";

impl Error {
    /// Whether the row was refused by the unique index of that name (PostgreSQL) or over those columns (SQLite).
    pub(super) fn is_duplicate_of(&self, index: &str, columns: &str) -> bool {
        matches!(self, Self::Duplicate { constraint } if constraint == index || constraint.ends_with(columns))
    }
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        if let Some(outage) = Outage::lasting_of(&error) {
            return Self::Unavailable(outage);
        }
        match &error {
            sqlx::Error::Io(_)
            // A connection that breaks off in its handshake is a protocol error.
            | sqlx::Error::Protocol(_)
            | sqlx::Error::WorkerCrashed => Self::Unanswered(error.to_string()),
            sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::BeginFailed => {
                Self::Unavailable(Outage::passing(error.to_string()))
            }
            sqlx::Error::Database(told) if told.kind() == ErrorKind::UniqueViolation => {
                let constraint = told.constraint().map_or_else(|| told.message().to_owned(), str::to_owned);
                Self::Duplicate { constraint }
            }
            sqlx::Error::Database(told) if told.kind() == ErrorKind::ForeignKeyViolation => {
                Self::Gone(told.message().to_owned())
            }
            sqlx::Error::Database(told) if told.code().as_deref() == Some(LOCK_NOT_AVAILABLE) => {
                Self::Locked(told.message().to_owned())
            }
            sqlx::Error::Database(told) if told.code().is_some_and(|code| is_read_only(&code)) => {
                Self::Unavailable(Outage::read_only())
            }
            sqlx::Error::Database(told) if told.code().is_some_and(|code| is_unstorable(&code)) => {
                Self::Unstorable(told.message().to_owned())
            }
            sqlx::Error::Database(told) if matches!(told.code().as_deref(), Some("11" | "26")) => {
                Self::Schema(format!("the database file is damaged or no SQLite database: {}", told.message()))
            }
            sqlx::Error::Database(told) if told.code().is_some_and(|code| is_passing(&code)) => {
                Self::Unavailable(Outage::passing(told.message()))
            }
            _ => Self::Broken(error),
        }
    }
}

/// SQLite's result code; PostgreSQL's has a remedy of its own.
fn is_read_only(code: &str) -> bool {
    code.parse::<i32>().is_ok_and(|sqlite| code.len() < 5 && sqlite & 0xff == 8)
}

/// PostgreSQL's SQLSTATEs for a text with characters that the encoding lacks, NUL among them, for what is too long, and
/// for numbers and times out of range; and SQLite's result code for what is too big.
fn is_unstorable(code: &str) -> bool {
    matches!(code, "22021" | "22P05" | "22001" | "22003" | "22008" | "54000" | "18")
}

/// PostgreSQL's SQLSTATEs (classes 08, 53, 57P, deadlock, serialisation) and SQLite's primary result codes (busy,
/// locked, I/O error, full, cannot open) that concern the database's condition, not the statement.
fn is_passing(code: &str) -> bool {
    match code.parse::<i32>() {
        Ok(sqlite) if code.len() < 5 => matches!(sqlite & 0xff, 5 | 6 | 10 | 13 | 14),
        _ => {
            code.starts_with("08")
                || code.starts_with("53")
                || code.starts_with("57P")
                || matches!(code, "40001" | "40P01" | "58030")
        }
    }
}

impl From<MigrateError> for Error {
    fn from(error: MigrateError) -> Self {
        match error {
            MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => error.into(),
            other => Self::Schema(other.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_of_the_database_is_told_from_a_mistake() {
        for away in ["08006", "53100", "53300", "57P01", "5", "13", "517"] {
            assert!(is_passing(away), "{away}");
        }
        for mistake in ["42601", "23503", "22001", "1", "19", "787"] {
            assert!(!is_passing(mistake), "{mistake}");
        }
    }
}
