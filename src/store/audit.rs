//! Audit log writing, and the only transaction that administrative changes can be made in: it commits together with its
//! audit row or not at all, so an unaudited change does not compile. `model::audit_row` describes rows and chain.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use futures_util::future::BoxFuture;
use serde_json::Value;
use sqlx::types::Json;
use uuid::Uuid;

use super::{Error, Store, Tx, text::storable, with_timeout, within};
use crate::model::{AuditRow, ChainHash, words};

words! {
    /// The interface that an action came through.
    Surface {
        Http = "http",
        Cli = "cli",
        System = "system",
    }
}

/// An audit entry to be written.
#[derive(Clone, Debug)]
pub struct AuditEntry {
    pub at: DateTime<Utc>,
    /// `user:<name>`, `operator:<login>@<host>`, `anonymous` or `system`.
    pub actor: String,
    pub surface: Surface,
    pub address: Option<String>,
    /// A stable word, `noun.verb`.
    pub action: &'static str,
    pub target: Option<String>,
    /// `ok`, or the code of the error.
    pub outcome: &'static str,
    pub reason: Option<String>,
    /// The values before the change, without secrets and without fractions.
    pub before: Option<Value>,
    pub after: Option<Value>,
    pub request_id: Option<String>,
}

/// The last row of the log.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct AuditTail {
    pub id: i64,
    pub hash: ChainHash,
}

/// A callback with each committed row; the commit waits for it.
pub type CommitHook = Arc<dyn Fn(AuditTail) -> BoxFuture<'static, ()> + Send + Sync>;

/// A transaction that can only be committed with an audit entry.
pub struct Audited {
    pub(super) tx: Tx,
    /// The ids that this change revokes (`revocations`).
    pub(super) revoked: Vec<Uuid>,
    pub(super) witness: Option<CommitHook>,
}

impl Store {
    pub async fn audited(&self) -> Result<Audited, Error> {
        Ok(self.audited_from(self.begin().await?))
    }

    /// The row that an entry would become. Writes nothing, and waits for no writer.
    pub async fn preview(&self, entry: &AuditEntry) -> Result<AuditRow, Error> {
        Ok(entry.after(self.audit_tail().await?))
    }

    pub(super) fn audited_from(&self, tx: Tx) -> Audited {
        Audited { tx, revoked: Vec::new(), witness: self.witness.clone() }
    }

    pub fn with_commit_hook(self, witness: CommitHook) -> Self {
        Self { witness: Some(witness), ..self }
    }
}

impl Audited {
    /// Writes the entry at the end of the chain and commits it with everything done before.
    pub async fn commit(mut self, entry: &AuditEntry) -> Result<AuditRow, Error> {
        let row = self.write(entry).await?;
        self.tx.commit().await?;
        if let Some(witness) = self.witness {
            witness(AuditTail { id: row.id, hash: row.hash.clone() }).await;
        }
        Ok(row)
    }

    /// Does all that `commit` does but the commit, and returns the row that was rolled back.
    pub async fn dry_run(mut self, entry: &AuditEntry) -> Result<AuditRow, Error> {
        let row = self.write(entry).await?;
        self.tx.rollback().await?;
        Ok(row)
    }

    async fn write(&mut self, entry: &AuditEntry) -> Result<AuditRow, Error> {
        let tail = self.tail().await?;
        let row = entry.after(tail);
        self.insert(&row).await?;
        self.write_revocations(row.id, entry.at).await?;
        Ok(row)
    }

    /// Reads the last row. On PostgreSQL writers queue here until the one before has committed: so numbers have no gaps
    /// and become visible in order, and no reader that follows the log misses one.
    async fn tail(&mut self) -> Result<AuditTail, Error> {
        if let Tx::Postgres(tx) = &mut self.tx {
            let lock = sqlx::query("select pg_advisory_xact_lock(hashtext('mcpchat.audit'))").execute(&mut *tx);
            with_timeout(async { Ok(lock.await?) }).await?;
        }
        let query = "select id, hash from audit order by id desc limit 1";
        let tail: Option<AuditTail> = within!(&mut self.tx, db => sqlx::query_as(query).fetch_optional(db).await?);
        Ok(tail.unwrap_or_else(AuditTail::origin))
    }

    async fn insert(&mut self, row: &AuditRow) -> Result<(), Error> {
        let query = "insert into audit (id, at, actor, surface, address, action, target, outcome, reason, before, after, request_id, previous_hash, hash) \
                     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)";
        within!(&mut self.tx, db => {
            sqlx::query(query)
                .bind(row.id)
                .bind(row.at)
                .bind(&row.actor)
                .bind(&row.surface)
                .bind(&row.address)
                .bind(&row.action)
                .bind(&row.target)
                .bind(&row.outcome)
                .bind(&row.reason)
                .bind(row.before.as_ref().map(Json))
                .bind(row.after.as_ref().map(Json))
                .bind(&row.request_id)
                .bind(&row.previous_hash)
                .bind(&row.hash)
                .execute(db)
                .await?;
        });
        Ok(())
    }
}

impl AuditTail {
    /// The tail of an empty log.
    pub fn origin() -> Self {
        Self { id: 0, hash: ChainHash::origin() }
    }
}

impl AuditEntry {
    /// The row that follows the tail.
    fn after(&self, tail: AuditTail) -> AuditRow {
        // An unstorable character must not keep an action from being recorded.
        let text = |text: &str| storable(text).into_owned();
        let mut row = AuditRow {
            action: self.action.to_owned(),
            actor: text(&self.actor),
            address: self.address.clone(),
            after: self.after.clone(),
            at: self.at,
            before: self.before.clone(),
            hash: ChainHash::origin(),
            id: tail.id + 1,
            outcome: self.outcome.to_owned(),
            previous_hash: tail.hash,
            reason: self.reason.as_deref().map(text),
            request_id: self.request_id.clone(),
            surface: self.surface.to_string(),
            target: self.target.as_deref().map(text),
        };
        row.hash = row.digest();
        row
    }
}
