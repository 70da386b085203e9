//! Database access: all SQL, and no policy. One text serves PostgreSQL and SQLite wherever both understand it; where
//! one of them needs its own statement, the `match` stands in that one function.
//!
//! Text is portable when it uses `$n`, `returning`, `on conflict` and times bound as parameters.

mod admin_turns;
mod api_keys;
mod audit;
mod audit_rows;
mod clock;
mod conversations;
mod counted_inputs;
mod counters;
mod deletions;
mod error;
mod fallbacks;
mod files;
mod health;
mod idempotency;
mod labels;
mod login_addresses;
mod messages;
mod migrations;
mod open;
mod orphaned_reservations;
mod outage;
mod overrides;
mod pg_executor;
mod pg_migrations;
mod pg_server;
mod refresh_tokens;
mod refusals;
mod replica_lease;
mod revocations;
mod sessions;
mod stored_use;
mod text;
mod totals;
mod transaction;
mod turn_begin;
mod turn_drafts;
mod turn_finish;
mod turns;
mod users;
mod violations;
mod write_batcher;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use sqlx::SqlitePool;
use tokio::time::timeout;

use crate::metrics::waits::{Awaited, waiting};

pub use self::{
    api_keys::{KeyStatus, NewKey, OwnedKey},
    audit::{AuditEntry, AuditTail, Audited, CommitHook, Surface},
    audit_rows::{AuditFilter, End, FoundRow},
    error::Error,
    health::{ConnectionSlots, ServerHealth},
    idempotency::KeyedTurn,
    labels::NamedKey,
    migrations::{Migration, Schema},
    outage::{Outage, RIGHTS},
    refresh_tokens::Rotation,
    replica_lease::ReplicaLease,
    sessions::{LoginAddresses, NewSession, SessionStatus},
    turn_begin::{
        Begun, Counted, Exchange, FIRST_FENCE, KnownModels, NewConversation, NewTurn, Request, TargetConversation,
    },
    turn_drafts::{Lapsed, NewDraft},
    turn_finish::{AttemptEnd, NewAttempt, TurnEnd},
    users::{Account, NewUser, UserFilter},
};
use self::{
    clock::SharedClock,
    counters::CounterChange,
    pg_executor::PgTransaction,
    pg_server::PgServer,
    transaction::{SqliteTx, Tx, Writer},
    write_batcher::WriteBatcher,
};

/// The database. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    pool: Pool,
    file: Option<PathBuf>,
    writer: Writer,
    shared_clock: SharedClock,
    /// The batchers of turn beginnings, turn ends and counter changes.
    beginnings: Arc<WriteBatcher<NewTurn, Option<Exchange>>>,
    endings: Arc<WriteBatcher<TurnEnd, bool>>,
    counts: Arc<WriteBatcher<CounterChange, ()>>,
    witness: Option<CommitHook>,
}

#[derive(Clone)]
enum Pool {
    Postgres(PgServer),
    Sqlite(SqlitePool),
}

/// Runs the same body on the pool of either database; the compiler checks it for both. Bounded by `ANSWER_TIMEOUT`.
macro_rules! on {
    ($pool:expr, $db:ident => $body:expr) => {
        match $pool {
            $crate::store::Pool::Postgres($db) => $crate::store::with_timeout(async { Ok($body) }).await?,
            $crate::store::Pool::Sqlite($db) => $crate::store::with_timeout(async { Ok($body) }).await?,
        }
    };
}

/// Runs the same body in the transaction of either database.
macro_rules! within {
    ($tx:expr, $db:ident => $body:expr) => {
        match $tx {
            $crate::store::Tx::Postgres(tx) => {
                let $db = &mut *tx;
                $crate::store::with_timeout(async { Ok($body) }).await?
            }
            $crate::store::Tx::Sqlite(tx) => {
                let $db = &mut **tx;
                $crate::store::with_timeout(async { Ok($body) }).await?
            }
        }
    };
}

use {on, within};

/// The timeout of a statement; a database that does not respond at all is unavailable.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// Bounds every statement, and counts it for the request or the turn that waits for it.
async fn with_timeout<T>(work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    let late = || Error::Unanswered(format!("no answer within {} s", ANSWER_TIMEOUT.as_secs()));
    waiting(Awaited::Database, timeout(ANSWER_TIMEOUT, work)).await.unwrap_or_else(|_| Err(late()))
}

impl Store {
    /// Connects once; reports why a server cannot be used. To be called before anything else.
    pub async fn reach(&self) -> Result<(), Error> {
        match &self.pool {
            Pool::Postgres(server) => waiting(Awaited::Database, server.reach()).await,
            Pool::Sqlite(_) => Ok(()),
        }
    }

    /// One round trip; `Ok` when the database accepts writes.
    pub async fn ensure_writable(&self) -> Result<(), Error> {
        let server = match &self.pool {
            Pool::Postgres(server) => server,
            Pool::Sqlite(pool) => return with_timeout(self.writer.begin(pool)).await?.rollback().await,
        };
        let query = "select pg_is_in_recovery() or current_setting('transaction_read_only') = 'on'";
        let is_read_only: bool = with_timeout(async { Ok(sqlx::query_scalar(query).fetch_one(server).await?) }).await?;
        if is_read_only { Err(Error::Unavailable(Outage::read_only())) } else { Ok(()) }
    }

    /// Whether a connection pooler stands before the server, as `reach` has found.
    pub fn is_pooled(&self) -> bool {
        matches!(&self.pool, Pool::Postgres(server) if server.is_pooled())
    }

    /// Connections in the pool: (in use, idle).
    pub fn connections(&self) -> (u32, u32) {
        let (size, idle) = match &self.pool {
            Pool::Postgres(server) => (server.pool().size(), server.pool().num_idle()),
            Pool::Sqlite(pool) => (pool.size(), pool.num_idle()),
        };
        let idle = u32::try_from(idle).unwrap_or(u32::MAX);
        (size.saturating_sub(idle), idle)
    }

    /// Waits until every connection is handed back, and closes them.
    pub async fn close(&self) {
        match &self.pool {
            Pool::Postgres(server) => server.pool().close().await,
            Pool::Sqlite(pool) => pool.close().await,
        }
    }

    pub fn is_sqlite(&self) -> bool {
        matches!(self.pool, Pool::Sqlite(_))
    }

    /// The path of a SQLite database.
    pub fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }
}
