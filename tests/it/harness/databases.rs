//! A database of the test's own: a file in its home, or a database on the server that `tests/run` has started.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use sqlx::{
    Connection, Executor, FromRow, PgConnection, SqliteConnection,
    postgres::{PgConnectOptions, PgRow},
    sqlite::{SqliteConnectOptions, SqliteRow},
};
use url::Url;
use uuid::Uuid;

use super::Setup;

pub enum Database {
    Sqlite(PathBuf),
    Postgres { server: Url, name: String },
}

impl Database {
    pub async fn create(setup: Setup, home: &Path) -> Self {
        match setup {
            Setup::Sqlite => Self::Sqlite(home.join("mcpchat.db")),
            Setup::Postgres | Setup::Redis => {
                let server = std::env::var("MCPCHAT_TEST_POSTGRES_URL")
                    .expect("MCPCHAT_TEST_POSTGRES_URL is not set; tests/run starts a PostgreSQL and sets it");
                Self::create_on(&server).await
            }
        }
    }

    /// On the PostgreSQL with this URL.
    pub async fn create_on(server: &str) -> Self {
        let name = format!("mcpchat_{}", Uuid::new_v4().simple());
        let database = Self::Postgres { server: server.parse().unwrap(), name };
        database.on_server("create database").await;
        database
    }

    /// As the configuration takes it.
    pub fn url(&self) -> String {
        match self {
            Self::Sqlite(path) => format!("sqlite://{}", path.display()),
            Self::Postgres { server, name } => {
                let mut url = server.clone();
                url.set_path(name);
                url.into()
            }
        }
    }

    /// Runs one statement, for what cannot be waited for, such as the age of a token. Gives the rows it changed.
    pub async fn execute(&self, statement: &'static str) -> u64 {
        match self {
            Self::Sqlite(path) => {
                let options = SqliteConnectOptions::new().filename(path);
                let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
                connection.execute(statement).await.unwrap().rows_affected()
            }
            Self::Postgres { .. } => {
                let options: PgConnectOptions = self.url().parse().unwrap();
                let mut connection = PgConnection::connect_with(&options).await.unwrap();
                connection.execute(statement).await.unwrap().rows_affected()
            }
        }
    }

    /// Runs statements as a role with all rights, and gives the words of a refusal.
    pub async fn try_run(&self, statements: String) -> Result<(), String> {
        let statements = sqlx::AssertSqlSafe(statements);
        let ran = match self {
            Self::Sqlite(path) => {
                let options = SqliteConnectOptions::new().filename(path);
                let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
                connection.execute(sqlx::raw_sql(statements)).await.map(drop)
            }
            Self::Postgres { .. } => {
                let mut connection = PgConnection::connect(&self.url()).await.unwrap();
                connection.execute(sqlx::raw_sql(statements)).await.map(drop)
            }
        };
        ran.map_err(|error| error.to_string())
    }

    /// All rows of a query.
    pub async fn rows<T>(&self, query: &'static str) -> Vec<T>
    where
        T: for<'r> FromRow<'r, PgRow> + for<'r> FromRow<'r, SqliteRow> + Send + Unpin,
    {
        match self {
            Self::Sqlite(path) => {
                let options = SqliteConnectOptions::new().filename(path);
                let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
                sqlx::query_as(query).fetch_all(&mut connection).await.unwrap()
            }
            Self::Postgres { .. } => {
                let mut connection = PgConnection::connect(&self.url()).await.unwrap();
                sqlx::query_as(query).fetch_all(&mut connection).await.unwrap()
            }
        }
    }

    /// The single number a query gives.
    pub async fn number(&self, query: &'static str) -> i64 {
        match self {
            Self::Sqlite(path) => {
                let options = SqliteConnectOptions::new().filename(path);
                let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
                sqlx::query_scalar(query).fetch_one(&mut connection).await.unwrap()
            }
            Self::Postgres { .. } => {
                let mut connection = PgConnection::connect(&self.url()).await.unwrap();
                sqlx::query_scalar(query).fetch_one(&mut connection).await.unwrap()
            }
        }
    }

    /// All rows of all tables, as text, by table; but for the lease that a serving replica renews all the time.
    pub async fn everything(&self) -> BTreeMap<String, String> {
        let mut found = BTreeMap::new();
        match self {
            Self::Sqlite(path) => {
                let options = SqliteConnectOptions::new().filename(path);
                let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
                let tables = "select t.name, group_concat('quote(' || c.name || ')', '|| '' '' ||') from sqlite_master t, \
                              pragma_table_info(t.name) c where t.type = 'table' group by t.name";
                let tables: Vec<(String, String)> = sqlx::query_as(tables).fetch_all(&mut connection).await.unwrap();
                for (table, columns) in tables {
                    let rows = format!("select coalesce(group_concat({columns}, char(10)), '') from {table}");
                    let rows = sqlx::query_scalar(sqlx::AssertSqlSafe(rows)).fetch_one(&mut connection);
                    found.insert(table, rows.await.unwrap());
                }
            }
            Self::Postgres { .. } => {
                let mut connection = PgConnection::connect(&self.url()).await.unwrap();
                let tables = "select table_name::text from information_schema.tables where table_schema = 'public'";
                let tables: Vec<String> = sqlx::query_scalar(tables).fetch_all(&mut connection).await.unwrap();
                for table in tables {
                    let rows =
                        format!("select coalesce(string_agg(t::text, E'\\n' order by t::text), '') from {table} t");
                    let rows = sqlx::query_scalar(sqlx::AssertSqlSafe(rows)).fetch_one(&mut connection);
                    found.insert(table, rows.await.unwrap());
                }
            }
        }
        found.remove("replica_lease");
        found
    }

    async fn on_server(&self, what: &str) {
        let Self::Postgres { server, name } = self else { return };
        let mut connection = PgConnection::connect(server.as_str()).await.unwrap();
        let force = if what.starts_with("drop") { " with (force)" } else { "" };
        let statement = format!("{what} {name}{force}");
        connection.execute(sqlx::AssertSqlSafe(statement)).await.unwrap();
    }
}

impl Drop for Database {
    /// In a thread with a runtime of its own, because the test's is busy ending this test.
    fn drop(&mut self) {
        // One that was not made for the test is not its to remove.
        if let Self::Postgres { name, .. } = self
            && !name.starts_with("mcpchat_")
        {
            return;
        }
        let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        std::thread::scope(|scope| {
            let _ = scope.spawn(|| runtime().block_on(self.on_server("drop database"))).join();
        });
    }
}
