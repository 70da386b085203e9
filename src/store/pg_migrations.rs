//! PostgreSQL migrations: all missing ones in one transaction, under a lock that ends with it. A session lock, as the
//! driver's own migrator takes, would stay behind a connection pooler; and a failure leaves nothing half-done.

use sqlx::{
    Executor,
    migrate::{MigrateError, Migration, Migrator},
};

use super::{PgServer, PgTransaction};

/// The table of the driver's own migrator, with its columns.
const TABLE: &str = "create table if not exists _sqlx_migrations (version bigint primary key, description text not null, \
                     installed_on timestamptz not null default now(), success boolean not null, checksum bytea not null, \
                     execution_time bigint not null)";

/// Without a statement timeout: a large table takes longer, and so may the replica that holds the lock.
const LOCK: &str = "set local statement_timeout = 0; select pg_advisory_xact_lock(hashtext('mcpchat.migrations'))";

pub(super) async fn apply(server: &PgServer, migrator: &Migrator) -> Result<(), MigrateError> {
    let mut tx = server.begin_uncancelled().await?;
    tx.execute(sqlx::raw_sql(LOCK)).await?;
    tx.execute(sqlx::raw_sql(TABLE)).await?;
    let query = "select version, checksum, success from _sqlx_migrations order by version";
    let applied: Vec<(i64, Vec<u8>, bool)> = sqlx::query_as(query).fetch_all(&mut tx).await?;
    for (version, checksum, success) in &applied {
        let known = migrator.iter().find(|step| step.version == *version);
        match known.ok_or(MigrateError::VersionMissing(*version))? {
            _ if !success => return Err(MigrateError::Dirty(*version)),
            step if *step.checksum != **checksum => return Err(MigrateError::VersionMismatch(*version)),
            _ => {}
        }
    }
    for step in migrator.iter().filter(|step| applied.iter().all(|(version, ..)| *version != step.version)) {
        apply_one(&mut tx, step).await.map_err(|error| MigrateError::ExecuteMigration(error, step.version))?;
    }
    Ok(tx.commit().await?)
}

async fn apply_one(tx: &mut PgTransaction, step: &Migration) -> Result<(), sqlx::Error> {
    let since = std::time::Instant::now();
    tx.execute(sqlx::raw_sql(step.sql.clone())).await?;
    let query = "insert into _sqlx_migrations (version, description, success, checksum, execution_time) \
                 values ($1, $2, true, $3, $4)";
    let told = sqlx::query(query).bind(step.version).bind(&*step.description).bind(&*step.checksum);
    told.bind(i64::try_from(since.elapsed().as_nanos()).unwrap_or(i64::MAX)).execute(tx).await?;
    Ok(())
}
