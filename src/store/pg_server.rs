//! A PostgreSQL server, reached directly or through a connection pooler (PgBouncer, in session or transaction mode).
//!
//! Directly: settings come with the startup of a session, and statements are prepared once. Through a pooler the next
//! statement may run on another session, and what is set or prepared on one is left to another client. So each
//! statement becomes a transaction that sets what it needs for itself, and is prepared without a name. That costs round
//! trips, and leaves nothing behind.

#![expect(clippy::disallowed_methods, reason = "a transaction is begun to its end though its caller may have left")]

use std::{
    fmt,
    str::FromStr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use sqlx::{
    PgConnection, PgPool, Row, SqlStr,
    pool::PoolOptions,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use tokio::time::timeout;

use super::{Error, Outage, PgTransaction};
use crate::config::{self, PostgresUrl};

/// How long a caller waits for a connection before the database counts as unavailable, unless the URL sets it.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(3);
/// For the first connection, which a shell command waits for: PgBouncer takes 15 s to report why it has none.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);
/// A connection that was idle for longer is tested before it is used; a busy one is not, which saves a round trip.
const TRUSTED_IDLE: Duration = Duration::from_secs(1);
/// The timeout of that test: a firewall may have dropped the connection.
const PING_TIMEOUT: Duration = Duration::from_secs(1);

/// The settings of every statement. Rows are compared and shown in UTC whatever the server's zone; a stuck statement
/// ends; a commit is on the disk before it is acknowledged. Statements find rows by index, whatever the planner assumes
/// of tables that were empty when it looked: it plans each once, and compiles none.
const SETTINGS: [(&str, &str); 6] = [
    ("timezone", "UTC"),
    ("statement_timeout", "30s"),
    ("synchronous_commit", "on"),
    ("plan_cache_mode", "force_generic_plan"),
    ("enable_seqscan", "off"),
    ("jit", "off"),
];

/// Set with the others at the start of a session. A session without it is a pooler's.
const MARK: &str = "mcpchat.session";

/// A server with its connection pool; cheap to clone.
#[derive(Clone)]
pub(super) struct PgServer {
    pool: PgPool,
    is_pooled: Arc<AtomicBool>,
    connect_timeout: Duration,
    /// The options of the URL, without settings of ours.
    plain: Arc<PgConnectOptions>,
}

impl fmt::Debug for PgServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PgServer").field("is_pooled", &self.is_pooled).finish_non_exhaustive()
    }
}

impl PgServer {
    /// Opens without connecting; until `reach` it counts as reached directly.
    pub(super) fn open(config: &config::Database) -> Result<Self, Error> {
        let url = PostgresUrl::of(config.url.expose()).map_err(|mistake| Error::Address(mistake.to_string()))?;
        let options = PgConnectOptions::from_str(&url.normal).map_err(|error| Error::Address(error.to_string()))?;
        // A pooler refuses parameters that it does not know; nothing here reads floats that need more digits.
        let plain = options.extra_float_digits(None);
        let plain = if plain.get_application_name().is_some() { plain } else { plain.application_name("mcpchat") };
        let plain = match &url.authorities {
            Some(file) => plain.ssl_root_cert(file),
            None => plain,
        };
        let is_pooled = Arc::new(AtomicBool::new(false));
        let pool =
            pool(config.max_connections, url.connect_timeout, &is_pooled).connect_lazy_with(with_settings(&plain));
        Ok(Self {
            pool,
            is_pooled,
            connect_timeout: url.connect_timeout.unwrap_or(CONNECT_TIMEOUT),
            plain: Arc::new(plain),
        })
    }

    pub(super) fn pool(&self) -> &PgPool {
        &self.pool
    }

    pub(super) fn is_pooled(&self) -> bool {
        self.is_pooled.load(Ordering::Relaxed)
    }

    /// Connects once, outside the pool, which reports an absent server only as a timeout; finds out whether a pooler
    /// stands between, and refuses a database that cannot store every text.
    pub(super) async fn reach(&self) -> Result<(), Error> {
        let late = |_| Outage::passing(format!("no connection within {} s", self.connect_timeout.as_secs()));
        timeout(self.connect_timeout, self.look()).await.map_err(late).map_err(Error::Unavailable)?
    }

    async fn look(&self) -> Result<(), Error> {
        let (mut connection, has_settings) = match connect(&with_settings(&self.plain)).await {
            Ok(mut connection) => {
                let has_settings = has_settings(&mut connection).await?;
                (connection, has_settings)
            }
            Err(sqlx::Error::Database(refusal)) if may_be_the_settings(refusal.code().as_deref()) => {
                (connect(&self.plain).await?, false)
            }
            Err(error) => return Err(error.into()),
        };
        if !has_settings {
            // PgBouncer in statement mode refuses this.
            sqlx::raw_sql("begin").execute(&mut connection).await?;
        }
        self.is_pooled.store(!has_settings, Ordering::Relaxed);
        let options = if has_settings { with_settings(&self.plain) } else { PgConnectOptions::clone(&self.plain) };
        self.pool.set_connect_options(options);
        let encoding = sqlx::raw_sql("select current_setting('server_encoding')").fetch_one(&mut connection).await?;
        sqlx::Connection::close(connection).await?;
        demand_all_characters(encoding.try_get(0)?)
    }

    /// To be awaited to its end: the driver forgets a transaction whose beginning was cancelled half-way.
    pub(super) async fn begin(self) -> Result<PgTransaction, sqlx::Error> {
        let is_pooled = self.is_pooled();
        let tx = if is_pooled { self.pool.begin_with(begin_with_settings()).await? } else { self.pool.begin().await? };
        Ok(PgTransaction::new(tx, is_pooled))
    }

    /// Begins in a task of its own: a cancelled beginning would return its connection to the pool with an open
    /// transaction, and later writes on it would never be committed.
    pub(super) async fn begin_uncancelled(&self) -> Result<PgTransaction, sqlx::Error> {
        tokio::spawn(self.clone().begin()).await.unwrap_or(Err(sqlx::Error::BeginFailed))
    }
}

async fn connect(options: &PgConnectOptions) -> Result<PgConnection, sqlx::Error> {
    use sqlx::Connection;
    PgConnection::connect_with(options).await
}

fn with_settings(plain: &PgConnectOptions) -> PgConnectOptions {
    plain.clone().options(SETTINGS.into_iter().chain([(MARK, "on")]))
}

fn begin_with_settings() -> SqlStr {
    let settings = SETTINGS.map(|(name, value)| format!("; set local {name} = '{value}'"));
    sqlx::SqlSafeStr::into_sql_str(sqlx::AssertSqlSafe(format!("begin{}", settings.concat())))
}

/// Whether it may be a pooler's refusal of the settings; any other error recurs without them.
fn may_be_the_settings(code: Option<&str>) -> bool {
    code.is_some_and(|code| ["08", "0A", "42", "22"].iter().any(|class| code.starts_with(class)))
}

async fn has_settings(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    let query = format!("select coalesce(current_setting('{MARK}', true), '')");
    let row = sqlx::raw_sql(sqlx::AssertSqlSafe(query)).fetch_one(connection).await?;
    Ok(row.try_get::<String, _>(0)? == "on")
}

/// Requires an encoding with every character; SQL_ASCII keeps the bytes as given.
fn demand_all_characters(encoding: &str) -> Result<(), Error> {
    if matches!(encoding, "UTF8" | "SQL_ASCII") {
        return Ok(());
    }
    Err(Error::Unavailable(Outage::lasting(
        format!("the database has the encoding {encoding}, which does not have every character of a message"),
        "make one with `create database mcpchat owner mcpchat encoding 'UTF8' template template0` and name it in \
         `[database] url`",
    )))
}

fn pool(max: u32, connect_timeout: Option<Duration>, is_pooled: &Arc<AtomicBool>) -> PgPoolOptions {
    let is_pooled = Arc::clone(is_pooled);
    PoolOptions::new()
        .max_connections(max)
        .acquire_timeout(connect_timeout.unwrap_or(ACQUIRE_TIMEOUT))
        .test_before_acquire(false)
        .after_connect(move |connection: &mut PgConnection, _| {
            let is_pooled = is_pooled.load(Ordering::Relaxed);
            Box::pin(async move {
                if is_pooled || has_settings(connection).await? {
                    return Ok(());
                }
                Err(sqlx::Error::Configuration("a connection pooler stands between since the start; restart".into()))
            })
        })
        .before_acquire(|connection: &mut PgConnection, meta| {
            Box::pin(async move {
                let lives = async {
                    timeout(PING_TIMEOUT, sqlx::Connection::ping(connection)).await.is_ok_and(|up| up.is_ok())
                };
                Ok(meta.idle_for < TRUSTED_IDLE || lives.await)
            })
        })
}
