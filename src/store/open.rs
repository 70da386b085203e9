//! Opening a database by its URL.

use std::{
    path::{Path, PathBuf},
    str::FromStr,
    sync::Arc,
    time::Duration,
};

use sqlx::{
    Connection,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

use super::{
    Error, Outage, PgServer, Pool, SharedClock, Store, Writer, counters::change_batch, files, turn_begin::begin_batch,
    turn_finish::finish_batch, write_batcher::WriteBatcher,
};
use crate::config;

/// How long SQLite waits for another process's write to end.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

impl Store {
    /// Opens without connecting: the first call reports an unavailable database.
    pub fn open(config: &config::Database) -> Result<Self, Error> {
        let url = config.url.expose();
        if url.starts_with("sqlite:") {
            let options = sqlite_options(url)?;
            let file = Some(options.get_filename().to_path_buf());
            let pool = Pool::Sqlite(sqlite_pool(config.max_connections).connect_lazy_with(options));
            return Ok(Self::on(pool, file));
        }
        Ok(Self::on(Pool::Postgres(PgServer::open(config)?), None))
    }

    fn on(pool: Pool, file: Option<PathBuf>) -> Self {
        let writer = Writer::default();
        // SQLite has one writer anyway.
        let lanes = if file.is_some() { 1 } else { 4 };
        let (place, line) = (pool.clone(), writer.clone());
        let begin = move |batch, wait| begin_batch(place.clone(), line.clone(), batch, wait);
        let (place, line) = (pool.clone(), writer.clone());
        let finish = move |batch, wait| finish_batch(place.clone(), line.clone(), batch, wait);
        let (place, line) = (pool.clone(), writer.clone());
        let count = move |batch, wait| change_batch(place.clone(), line.clone(), batch, wait);
        Self {
            pool,
            file,
            writer,
            shared_clock: SharedClock::default(),
            witness: None,
            beginnings: Arc::new(WriteBatcher::new(lanes, begin)),
            endings: Arc::new(WriteBatcher::new(lanes, finish)),
            // Changes of the same subjects exclude each other.
            counts: Arc::new(WriteBatcher::new(1, count)),
        }
    }
}

fn sqlite_options(url: &str) -> Result<SqliteConnectOptions, Error> {
    let options = SqliteConnectOptions::from_str(url).map_err(|error| Error::Address(error.to_string()))?;
    files::prepare(&options, url).map_err(|error| {
        let folder = options.get_filename().parent().unwrap_or(Path::new("."));
        Error::Unavailable(Outage::lasting(
            format!("cannot make {}: {error}", folder.display()),
            "make it, or name another file",
        ))
    })?;
    Ok(options
        .create_if_missing(true)
        .foreign_keys(true)
        .journal_mode(SqliteJournalMode::Wal)
        // A message is acknowledged only once it is on the disk.
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(BUSY_TIMEOUT))
}

fn sqlite_pool(max: u32) -> SqlitePoolOptions {
    let options =
        SqlitePoolOptions::new().max_connections(max).acquire_timeout(BUSY_TIMEOUT).test_before_acquire(false);
    // SQLite itself rolls back when the disk is full. The driver's rollback then fails, and it would count that
    // transaction as open for good.
    options.before_acquire(|connection, _| {
        let is_sound = !connection.is_in_transaction();
        Box::pin(async move { Ok(is_sound) })
    })
}
