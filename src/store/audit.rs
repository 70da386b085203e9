//! The audit log, and the only transaction that administrative changes can be made in: it commits together with its
//! audit row or not at all, so an unaudited change does not compile.
//!
//! The rows form a chain without gaps: `hash = SHA-256(previous hash ‖ canonical row)`, the first on 32 zero bytes. The
//! canonical row is the JSON object of the row's members but the two hashes, keys sorted, no spaces, times in RFC 3339
//! with microseconds and `Z`.

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use sqlx::types::Json;
use uuid::Uuid;

use super::{Error, Store, Tx, in_time, within};
use crate::model::words;

words! {
    /// The way an act came in.
    Surface {
        Http = "http",
        Cli = "cli",
        System = "system",
    }
}

/// One act, as it is to be written down.
#[derive(Clone, Debug)]
pub struct AuditEntry {
    pub at: DateTime<Utc>,
    /// `user:<name>`, `operator:<login>@<host>`, or `anonymous`.
    pub actor: String,
    pub surface: Surface,
    pub address: Option<String>,
    /// A stable word, `noun.verb`.
    pub action: &'static str,
    pub target: Option<String>,
    /// `ok`, or the code of the error.
    pub outcome: &'static str,
    pub reason: Option<String>,
    /// What was changed, without secrets and without fractions.
    pub before: Option<Value>,
    pub after: Option<Value>,
    pub request_id: Option<String>,
}

/// A transaction that can only be committed with an audit entry.
pub struct Audited {
    pub(super) tx: Tx,
    /// What this change ends (`revocations`).
    pub(super) revoked: Vec<Uuid>,
}

impl Store {
    pub async fn audited(&self) -> Result<Audited, Error> {
        Ok(Audited { tx: self.begin().await?, revoked: Vec::new() })
    }
}

impl Audited {
    /// Writes the entry at the end of the chain and commits it with everything done before.
    pub async fn commit(mut self, entry: &AuditEntry) -> Result<(), Error> {
        let (last, previous) = self.tail().await?;
        let id = last + 1;
        let hash = chained(&previous, &canonical(id, entry));
        self.insert(id, entry, &previous, &hash).await?;
        self.write_revocations(id, entry.at).await?;
        self.tx.commit().await
    }

    /// The last number and hash. On PostgreSQL writers queue here, until the one before has committed.
    async fn tail(&mut self) -> Result<(i64, Vec<u8>), Error> {
        if let Tx::Postgres(tx) = &mut self.tx {
            let lock = sqlx::query("select pg_advisory_xact_lock(hashtext('mcpchat.audit'))").execute(&mut **tx);
            in_time(async { Ok(lock.await?) }).await?;
        }
        let query = "select id, hash from audit order by id desc limit 1";
        let tail = within!(&mut self.tx, db => sqlx::query_as(query).fetch_optional(db).await?);
        Ok(tail.unwrap_or((0, vec![0; 32])))
    }

    async fn insert(&mut self, id: i64, entry: &AuditEntry, previous: &[u8], hash: &[u8]) -> Result<(), Error> {
        let query = "insert into audit (id, at, actor, surface, address, action, target, outcome, reason, before, after, request_id, previous_hash, hash) \
                     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)";
        within!(&mut self.tx, db => {
            sqlx::query(query)
                .bind(id)
                .bind(entry.at)
                .bind(&entry.actor)
                .bind(entry.surface)
                .bind(&entry.address)
                .bind(entry.action)
                .bind(&entry.target)
                .bind(entry.outcome)
                .bind(&entry.reason)
                .bind(entry.before.as_ref().map(Json))
                .bind(entry.after.as_ref().map(Json))
                .bind(&entry.request_id)
                .bind(previous)
                .bind(hash)
                .execute(db)
                .await?;
        });
        Ok(())
    }
}

fn chained(previous: &[u8], row: &str) -> Vec<u8> {
    Sha256::new().chain_update(previous).chain_update(row).finalize().to_vec()
}

fn canonical(id: i64, entry: &AuditEntry) -> String {
    // serde_json's objects are sorted by key.
    json!({
        "id": id,
        "at": entry.at.to_rfc3339_opts(SecondsFormat::Micros, true),
        "actor": entry.actor,
        "surface": entry.surface,
        "address": entry.address,
        "action": entry.action,
        "target": entry.target,
        "outcome": entry.outcome,
        "reason": entry.reason,
        "before": entry.before,
        "after": entry.after,
        "request_id": entry.request_id,
    })
    .to_string()
}
