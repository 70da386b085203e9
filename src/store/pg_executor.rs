//! Execution of statements on a PostgreSQL server: directly, by name and prepared once; through a pooler, without a
//! name and in a transaction.

use std::fmt;

use futures_util::{StreamExt, TryFutureExt, TryStreamExt, future::BoxFuture, stream, stream::BoxStream};
use sqlx::{
    Describe, Either, Execute, Executor, Postgres, SqlStr, Transaction,
    postgres::{PgArguments, PgQueryResult, PgRow, PgStatement, PgTypeInfo},
};

use super::PgServer;

/// A statement as it is sent, named or not.
struct Sent<E> {
    query: E,
    has_name: bool,
}

impl<'q, E: Execute<'q, Postgres>> Execute<'q, Postgres> for Sent<E> {
    fn sql(self) -> SqlStr {
        self.query.sql()
    }

    fn statement(&self) -> Option<&PgStatement> {
        self.query.statement()
    }

    fn take_arguments(&mut self) -> Result<Option<PgArguments>, sqlx::error::BoxDynError> {
        self.query.take_arguments()
    }

    fn persistent(&self) -> bool {
        self.has_name && self.query.persistent()
    }
}

/// A transaction; rolled back unless committed.
pub(super) struct PgTransaction {
    tx: Transaction<'static, Postgres>,
    is_pooled: bool,
}

impl fmt::Debug for PgTransaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PgTransaction").field("is_pooled", &self.is_pooled).finish_non_exhaustive()
    }
}

impl PgTransaction {
    pub(super) fn new(tx: Transaction<'static, Postgres>, is_pooled: bool) -> Self {
        Self { tx, is_pooled }
    }

    pub(super) async fn commit(self) -> Result<(), sqlx::Error> {
        self.tx.commit().await
    }

    pub(super) async fn rollback(self) -> Result<(), sqlx::Error> {
        self.tx.rollback().await
    }

    fn sent<E>(&self, query: E) -> Sent<E> {
        Sent { query, has_name: !self.is_pooled }
    }
}

type Results<'e> = BoxStream<'e, Result<Either<PgQueryResult, PgRow>, sqlx::Error>>;

impl<'c> Executor<'c> for &'c mut PgTransaction {
    type Database = Postgres;

    fn fetch_many<'e, 'q, E>(self, query: E) -> Results<'e>
    where
        'c: 'e,
        E: Execute<'q, Postgres>,
        'q: 'e,
        E: 'q,
    {
        let sent = self.sent(query);
        self.tx.fetch_many(sent)
    }

    fn fetch_optional<'e, 'q, E>(self, query: E) -> BoxFuture<'e, Result<Option<PgRow>, sqlx::Error>>
    where
        'c: 'e,
        E: Execute<'q, Postgres>,
        'q: 'e,
        E: 'q,
    {
        let sent = self.sent(query);
        self.tx.fetch_optional(sent)
    }

    fn prepare_with<'e>(self, sql: SqlStr, types: &'e [PgTypeInfo]) -> BoxFuture<'e, Result<PgStatement, sqlx::Error>>
    where
        'c: 'e,
    {
        self.tx.prepare_with(sql, types)
    }

    fn describe<'e>(self, sql: SqlStr) -> BoxFuture<'e, Result<Describe<Postgres>, sqlx::Error>>
    where
        'c: 'e,
    {
        self.tx.describe(sql)
    }
}

/// Runs a single statement, through a pooler as a transaction of its own.
impl<'c> Executor<'c> for &'c PgServer {
    type Database = Postgres;

    fn fetch_many<'e, 'q, E>(self, query: E) -> Results<'e>
    where
        'c: 'e,
        E: Execute<'q, Postgres>,
        'q: 'e,
        E: 'q,
    {
        if !self.is_pooled() {
            return self.pool().fetch_many(query);
        }
        let all = async move {
            let mut tx = self.begin_uncancelled().await?;
            let results: Vec<_> = tx.fetch_many(query).try_collect().await?;
            tx.commit().await?;
            Ok(stream::iter(results.into_iter().map(Ok)))
        };
        all.try_flatten_stream().boxed()
    }

    fn fetch_optional<'e, 'q, E>(self, query: E) -> BoxFuture<'e, Result<Option<PgRow>, sqlx::Error>>
    where
        'c: 'e,
        E: Execute<'q, Postgres>,
        'q: 'e,
        E: 'q,
    {
        if !self.is_pooled() {
            return self.pool().fetch_optional(query);
        }
        Box::pin(async move {
            let mut tx = self.begin_uncancelled().await?;
            let row = tx.fetch_optional(query).await?;
            tx.commit().await?;
            Ok(row)
        })
    }

    fn prepare_with<'e>(self, sql: SqlStr, types: &'e [PgTypeInfo]) -> BoxFuture<'e, Result<PgStatement, sqlx::Error>>
    where
        'c: 'e,
    {
        self.pool().prepare_with(sql, types)
    }

    fn describe<'e>(self, sql: SqlStr) -> BoxFuture<'e, Result<Describe<Postgres>, sqlx::Error>>
    where
        'c: 'e,
    {
        self.pool().describe(sql)
    }
}
