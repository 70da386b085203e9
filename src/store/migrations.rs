//! Schema migrations. The files are embedded and checksummed; PostgreSQL runs them under an advisory lock, so that
//! replicas may start together.

use std::time::Duration;

use sqlx::migrate::{MigrateError, Migrator};
use tokio::time::sleep;

use super::{Error, Pool, Store, on, pg_migrations};

const SQLITE_TRIES: u32 = 10;
const SQLITE_PAUSE: Duration = Duration::from_millis(50);

static POSTGRES: Migrator = sqlx::migrate!("migrations/postgres");
static SQLITE: Migrator = sqlx::migrate!("migrations/sqlite");

/// A schema migration.
#[derive(Debug, serde::Serialize)]
pub struct Migration {
    pub version: i64,
    pub description: String,
    pub applied: bool,
}

/// The schema of a database, compared with this program's.
#[derive(Debug)]
pub struct Schema {
    pub migrations: Vec<Migration>,
    /// Versions the database has and this program does not know.
    pub newer: Vec<i64>,
}

impl Schema {
    pub fn is_current(&self) -> bool {
        self.newer.is_empty() && self.migrations.iter().all(|migration| migration.applied)
    }
}

impl Store {
    /// Which migrations are applied and which are not. Changes nothing.
    pub async fn schema(&self) -> Result<Schema, Error> {
        let applied = self.applied_versions().await?;
        let known = self.migrator();
        let migrations = known.iter().map(|step| Migration {
            version: step.version,
            description: step.description.to_string(),
            applied: applied.contains(&step.version),
        });
        let newer = applied.iter().copied().filter(|version| !known.version_exists(*version)).collect();
        Ok(Schema { migrations: migrations.collect(), newer })
    }

    /// Applies the missing migrations. Errors: a newer, changed or half-applied schema, each with its remedy.
    pub async fn migrate(&self) -> Result<(), Error> {
        let pool = match &self.pool {
            Pool::Postgres(server) => return pg_migrations::apply(server, self.migrator()).await.map_err(told),
            Pool::Sqlite(pool) => pool,
        };
        // SQLite has no lock for this. Where two processes begin at once, one of them fails on what the other has done
        // (every step is a transaction), and goes on from there.
        for _ in 0..SQLITE_TRIES {
            if self.migrator().run(pool).await.is_ok() {
                return Ok(());
            }
            sleep(SQLITE_PAUSE).await;
        }
        self.migrator().run(pool).await.map_err(told)
    }

    fn migrator(&self) -> &'static Migrator {
        match self.pool {
            Pool::Postgres(_) => &POSTGRES,
            Pool::Sqlite(_) => &SQLITE,
        }
    }

    async fn applied_versions(&self) -> Result<Vec<i64>, Error> {
        let there: i64 = match &self.pool {
            Pool::Postgres(pool) => sqlx::query_scalar(
                "select count(*) from pg_tables where schemaname = current_schema() and tablename = '_sqlx_migrations'",
            )
            .fetch_one(pool)
            .await?,
            Pool::Sqlite(pool) => {
                sqlx::query_scalar(
                    "select count(*) from sqlite_master where type = 'table' and name = '_sqlx_migrations'",
                )
                .fetch_one(pool)
                .await?
            }
        };
        if there == 0 {
            return Ok(Vec::new());
        }
        let query = "select version from _sqlx_migrations order by version";
        Ok(on!(&self.pool, db => sqlx::query_scalar(query).fetch_all(db).await?))
    }
}

fn told(error: MigrateError) -> Error {
    match error {
        MigrateError::VersionMissing(version) => Error::Schema(format!(
            "the database has migration {version}, which this mcpchat does not know: it was made by a newer version; run that one"
        )),
        MigrateError::VersionMismatch(version) => Error::Schema(format!(
            "migration {version} was applied with another text: the database was not made by this program; use an empty one or restore a backup"
        )),
        MigrateError::Dirty(version) => Error::Schema(format!(
            "migration {version} stopped half-way; restore the backup made before it, then run `mcpchat migrate` again"
        )),
        other => other.into(),
    }
}
