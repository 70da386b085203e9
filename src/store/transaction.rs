//! Transactions of either database.

use std::{
    ops::{Deref, DerefMut},
    sync::Arc,
};

use sqlx::{Sqlite, SqliteConnection, SqlitePool, Transaction};
use tokio::sync::{Mutex, OwnedMutexGuard};

use super::{Error, PgTransaction, Pool, Store, with_timeout};
use crate::metrics::waits::{Awaited, waiting};

/// A transaction; rolled back unless committed.
pub(super) enum Tx {
    Postgres(PgTransaction),
    Sqlite(SqliteTx),
}

/// A transaction on SQLite and the writer lock that it holds. The fields are dropped in their order.
pub(super) struct SqliteTx {
    tx: Transaction<'static, Sqlite>,
    _place: OwnedMutexGuard<()>,
}

impl Deref for SqliteTx {
    type Target = SqliteConnection;

    fn deref(&self) -> &SqliteConnection {
        &self.tx
    }
}

impl DerefMut for SqliteTx {
    fn deref_mut(&mut self) -> &mut SqliteConnection {
        &mut self.tx
    }
}

/// The writer lock: SQLite has one writer at a time. Inside this process transactions queue for it; SQLite itself would
/// have each retry, and starve some for seconds.
#[derive(Clone, Default)]
pub(super) struct Writer(Arc<Mutex<()>>);

impl Writer {
    pub(super) async fn begin(&self, pool: &SqlitePool) -> Result<SqliteTx, Error> {
        let place = Arc::clone(&self.0).lock_owned().await;
        Ok(SqliteTx { tx: pool.begin_with("begin immediate").await?, _place: place })
    }
}

impl Pool {
    /// Begins a transaction that will write: SQLite takes its write lock at once, so that it cannot fail half-way.
    pub(super) async fn begin(&self, writer: &Writer) -> Result<Tx, Error> {
        Ok(match self {
            Self::Postgres(server) => {
                Tx::Postgres(with_timeout(async { Ok(server.begin_uncancelled().await?) }).await?)
            }
            Self::Sqlite(pool) => Tx::Sqlite(waiting(Awaited::Database, writer.begin(pool)).await?),
        })
    }
}

impl Store {
    pub(super) async fn begin(&self) -> Result<Tx, Error> {
        self.pool.begin(&self.writer).await
    }
}

impl SqliteTx {
    pub(super) async fn rollback(self) -> Result<(), Error> {
        with_timeout(async { Ok(self.tx.rollback().await?) }).await
    }
}

impl Tx {
    pub(super) async fn rollback(self) -> Result<(), Error> {
        match self {
            Self::Postgres(tx) => with_timeout(async { Ok(tx.rollback().await?) }).await,
            Self::Sqlite(tx) => tx.rollback().await,
        }
    }

    pub(super) async fn commit(self) -> Result<(), Error> {
        match self {
            Self::Postgres(tx) => with_timeout(async { Ok(tx.commit().await?) }).await?,
            Self::Sqlite(tx) => waiting(Awaited::Database, tx.tx.commit()).await?,
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use futures_util::poll;

    use super::*;
    use crate::config::{Database, Secret};

    #[tokio::test]
    #[ignore = "needs PostgreSQL: tests/run starts one"]
    async fn an_abandoned_begin_leaves_no_transaction_behind() {
        let url = std::env::var("MCPCHAT_TEST_POSTGRES_URL").expect("tests/run sets it");
        let store = Store::open(&Database { url: Secret::new(&url), max_connections: 1 }).unwrap();
        let Pool::Postgres(pool) = store.pool.clone() else { unreachable!("it is PostgreSQL") };
        let id = async || sqlx::query_scalar::<_, String>("select pg_current_xact_id()::text").fetch_one(&pool).await;
        for polls in 0..20 {
            store.ensure_writable().await.unwrap();
            {
                let mut begun = pin!(store.begin());
                for _ in 0..polls {
                    if poll!(&mut begun).is_ready() {
                        break;
                    }
                    tokio::task::yield_now().await;
                }
            }
            assert_ne!(id().await.unwrap(), id().await.unwrap(), "each statement is a transaction of its own");
        }
        store.close().await;
    }
}
