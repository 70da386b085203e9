//! Revocation log of sessions, API keys and accounts. A change writes it in its own transaction, under the number of
//! its audit row. Audit rows are committed one after the other, so a reader that has seen a number has seen all below
//! it, and reading on from the last one misses nothing, independent of clocks.

use chrono::{DateTime, Utc};
use sqlx::FromRow;
use uuid::Uuid;

use super::{Audited, Error, Store, on, within};

/// A change of a session, a key or a user (`subject` is the id): cached copies of it are out of date.
#[derive(Debug, FromRow)]
pub struct Revocation {
    pub audit_id: i64,
    pub subject: Uuid,
}

impl Store {
    /// The number of the last revocation; 0 if there is none.
    pub async fn last_revocation(&self) -> Result<i64, Error> {
        let query = "select coalesce(max(audit_id), 0) from revocations";
        Ok(on!(&self.pool, db => sqlx::query_scalar(query).fetch_one(db).await?))
    }

    /// The revocations after a number, in order.
    pub async fn revocations(&self, after: i64, limit: usize) -> Result<Vec<Revocation>, Error> {
        let query = "select audit_id, subject from revocations where audit_id > $1 order by audit_id limit $2";
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        Ok(on!(&self.pool, db => sqlx::query_as(query).bind(after).bind(limit).fetch_all(db).await?))
    }

    pub async fn sweep_revocations(&self, before: DateTime<Utc>) -> Result<u64, Error> {
        let query = "delete from revocations where at < $1";
        Ok(on!(&self.pool, db => sqlx::query(query).bind(before).execute(db).await?.rows_affected()))
    }
}

impl Audited {
    /// Adds a subject, which the commit announces to all processes.
    pub(super) fn revoke(&mut self, subject: impl Into<Uuid>) {
        let subject = subject.into();
        if !self.revoked.contains(&subject) {
            self.revoked.push(subject);
        }
    }

    /// The subjects revoked so far.
    pub fn ended(&self) -> Vec<Uuid> {
        self.revoked.clone()
    }

    /// Writes the revocations. Only in `write`: there the audit log is locked, so that numbers become visible in order.
    pub(super) async fn write_revocations(&mut self, audit_id: i64, at: DateTime<Utc>) -> Result<(), Error> {
        let query = "insert into revocations (audit_id, subject, at) values ($1, $2, $3)";
        for subject in std::mem::take(&mut self.revoked) {
            within!(&mut self.tx, db => {
                sqlx::query(query).bind(audit_id).bind(subject).bind(at).execute(db).await?;
            });
        }
        Ok(())
    }
}
