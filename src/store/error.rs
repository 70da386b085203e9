//! What can go wrong with a database, sorted by what the caller can do about it.

use sqlx::{error::ErrorKind, migrate::MigrateError};

#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Unreachable, shutting down, full or read-only: nothing is wrong with the request; it may succeed later.
    #[error("the database is away: {0}")]
    Away(String),
    /// As `Away`, but what was asked for may be done all the same: the answer did not come.
    #[error("the database is away: {0}")]
    Unanswered(String),
    /// Another transaction holds a lock that the statement needs, for longer than it may wait (`LockWait`).
    #[error("a row is locked: {0}")]
    Locked(String),
    /// A unique rule refused the row; `constraint` names the index or column as far as the database tells.
    #[error("already there: {constraint}")]
    Duplicate { constraint: String },
    /// What the row belongs to was deleted a moment ago.
    #[error("what it belongs to is gone: {0}")]
    Gone(String),
    /// The database's schema is not this program's.
    #[error("{0}")]
    Schema(String),
    #[error("the address of the database is wrong: {0}")]
    Address(String),
    /// A bug here, or a damaged database.
    #[error("the database refused a statement: {0}")]
    Broken(#[source] sqlx::Error),
}

/// PostgreSQL's SQLSTATE where `lock_timeout` has passed.
const LOCK_NOT_AVAILABLE: &str = "55P03";

/// Why a database is away for writers only.
pub const READ_ONLY: &str = "it is read-only";

impl Error {
    /// Whether the row was refused by the unique index of that name (PostgreSQL) or over those columns (SQLite).
    pub(super) fn is_duplicate_of(&self, index: &str, columns: &str) -> bool {
        matches!(self, Self::Duplicate { constraint } if constraint == index || constraint.ends_with(columns))
    }
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            // A connection that broke off in its handshake reads as nonsense.
            | sqlx::Error::Protocol(_)
            | sqlx::Error::WorkerCrashed => Self::Unanswered(error.to_string()),
            sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::BeginFailed => {
                Self::Away(error.to_string())
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
                Self::Away(READ_ONLY.to_owned())
            }
            sqlx::Error::Database(told) if matches!(told.code().as_deref(), Some("11" | "26")) => {
                Self::Schema(format!("the database file is damaged or no SQLite database: {}", told.message()))
            }
            sqlx::Error::Database(told) if told.code().is_some_and(|code| is_passing(&code)) => {
                Self::Away(told.message().to_owned())
            }
            _ => Self::Broken(error),
        }
    }
}

fn is_read_only(code: &str) -> bool {
    code == "25006" || code.parse::<i32>().is_ok_and(|sqlite| code.len() < 5 && sqlite & 0xff == 8)
}

/// PostgreSQL's SQLSTATEs (classes 08, 28, 53, 57P, no such database, read-only, deadlock, serialisation) and SQLite's primary result codes
/// (busy, locked, read-only, I/O error, full, cannot open) that speak of the database's condition, not of the statement.
fn is_passing(code: &str) -> bool {
    match code.parse::<i32>() {
        Ok(sqlite) if code.len() < 5 => matches!(sqlite & 0xff, 5 | 6 | 8 | 10 | 13 | 14),
        _ => {
            code.starts_with("08")
                || code.starts_with("53")
                || code.starts_with("57P")
                || code.starts_with("28")
                || matches!(code, "25006" | "3D000" | "40001" | "40P01" | "58030")
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
        for away in ["08006", "28P01", "3D000", "53100", "53300", "57P01", "25006", "5", "8", "13", "517"] {
            assert!(is_passing(away), "{away}");
        }
        for mistake in ["42601", "23503", "22001", "1", "19", "787"] {
            assert!(!is_passing(mistake), "{mistake}");
        }
    }
}
