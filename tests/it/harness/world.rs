//! The world of one test: a home directory, a database, perhaps a Redis, and the configuration that names them.
//! Servers and commands of the same world share all of it, as replicas and their operator do.

use std::path::{Path, PathBuf};

use tempfile::TempDir;
use toml::{Table, Value};

use super::{Invocation, Postgres, Provider, Server, Setup, Wire, databases::Database, redis::Redis};

/// What signs the access tokens of every server in every world.
pub const JWT_SECRET: &str = "a-secret-of-the-tests-with-more-than-32-bytes";

pub struct World {
    pub database: Database,
    redis: Option<Redis>,
    config: Table,
    /// Last, because the others keep their files in it.
    home: TempDir,
}

impl World {
    pub async fn new(setup: Setup) -> Self {
        let home = new_home();
        let database = Database::create(setup, home.path()).await;
        let redis = if setup == Setup::Redis { Some(Redis::start(home.path()).await) } else { None };
        Self::of(home, database, redis)
    }

    /// One on this PostgreSQL, with a Redis that knows everything again after a crash: both may be stopped at any time.
    pub async fn durable(postgres: &Postgres) -> Self {
        let home = new_home();
        let database = Database::create_on(&postgres.url()).await;
        let redis = Redis::start_durable(home.path()).await;
        Self::of(home, database, Some(redis))
    }

    fn of(home: TempDir, database: Database, redis: Option<Redis>) -> Self {
        let redis_url = redis.as_ref().map(|redis| format!("redis://{}", redis.address()));
        let world = Self { redis, config: Table::new(), home, database };
        let world = world.set("auth.jwt_secret", JWT_SECRET).set("server.drain_timeout", "20s");
        // Every person of a test comes from an address of their own, so that they do not share its login limit.
        let world = world.set("server.trusted_proxies", vec!["127.0.0.0/8"]);
        let url = world.database.url();
        let world = world.set("database.url", url).set("database.max_connections", 5);
        match redis_url {
            Some(url) => world.set("redis.url", url),
            None => world,
        }
    }

    /// One whose database has its schema, for commands that run without a server.
    pub async fn migrated(setup: Setup) -> Self {
        let world = Self::new(setup).await;
        world.cli(["migrate"]).run().await.ended(0);
        world
    }

    /// Sets `section.key` of the configuration.
    pub fn set(mut self, name: &str, value: impl Into<Value>) -> Self {
        let (section, key) = name.split_once('.').expect("section.key");
        let section = self.config.entry(section).or_insert_with(|| Table::new().into());
        section.as_table_mut().unwrap().insert(key.to_owned(), value.into());
        self
    }

    /// Takes `section.key` out of the configuration.
    pub fn without(mut self, name: &str) -> Self {
        let (section, key) = name.split_once('.').expect("section.key");
        self.config[section].as_table_mut().unwrap().remove(key);
        self
    }

    /// Adds one `[[section]]`, given as TOML.
    pub fn add(mut self, section: &str, entry: &str) -> Self {
        let list = self.config.entry(section).or_insert_with(|| Vec::<Value>::new().into());
        list.as_array_mut().unwrap().push(entry.parse::<Table>().unwrap().into());
        self
    }

    /// Takes every `[[section]]` out.
    pub fn none_of(mut self, section: &str) -> Self {
        self.config.remove(section);
        self
    }

    /// Two models of this provider, `fake` in OpenAI's words (the default) and `claude` in Anthropic's.
    pub fn provider(self, provider: &Provider) -> Self {
        let address = provider.address();
        let timeouts = "timeouts = { connect = '5s', first_token = '5m', idle = '5m', total = '10m' }";
        self.add("providers", &format!("name = 'fake-openai'\nkind = 'openai'\nbase_url = 'http://{address}/v1'\napi_key = 'sk-openai'\n{timeouts}"))
            .add("providers", &format!("name = 'fake-anthropic'\nkind = 'anthropic'\nbase_url = 'http://{address}'\napi_key = 'sk-anthropic'\n{timeouts}"))
            .add("models", "name = 'fake'\nprovider = 'fake-openai'\nupstream_name = 'small'\nmax_output_tokens = 256\nprice = { input = 1.0, output = 2.0 }")
            .add("models", "name = 'claude'\nprovider = 'fake-anthropic'\nupstream_name = 'large'\nmax_output_tokens = 256")
    }

    /// Where the provider is that this world was given.
    pub fn provider_address(&self) -> String {
        let url = self.config["providers"][1]["base_url"].as_str().expect("a provider");
        url.trim_start_matches("http://").to_owned()
    }

    /// A rule instead of the default ones.
    pub fn limit(self, name: &str, count: &str, max: u64, window: &str) -> Self {
        let window = if window.is_empty() { String::new() } else { format!("window = '{window}'") };
        self.add("limits", &format!("name = '{name}'\nper = 'user'\ncount = '{count}'\nmax = {max}\n{window}"))
    }

    /// A rule that no test reaches, instead of the default ones.
    pub fn without_limits(self) -> Self {
        self.limit("out-of-reach", "messages", 1_000_000, "24h")
    }

    /// On a PostgreSQL of the test's own.
    pub fn on(mut self, postgres: &Postgres) -> Self {
        let url = postgres.url();
        self.database = Database::Postgres { server: url.parse().unwrap(), name: "postgres".to_owned() };
        self.set("database.url", url)
    }

    /// In this SQLite file.
    pub fn in_file(mut self, path: &Path) -> Self {
        self.database = Database::Sqlite(path.to_owned());
        let url = self.database.url();
        self.set("database.url", url)
    }

    /// Puts a wire that can be cut between mcpchat and PostgreSQL.
    pub async fn wire_to_postgres(self) -> (Self, Wire) {
        let mut url = url::Url::parse(&self.database.url()).unwrap();
        let wire = Wire::to(format!("{}:{}", url.host_str().unwrap(), url.port().unwrap_or(5432))).await;
        url.set_host(Some("127.0.0.1")).unwrap();
        url.set_port(Some(wire.address().port())).unwrap();
        (self.set("database.url", String::from(url)), wire)
    }

    pub fn redis(&self) -> &Redis {
        self.redis.as_ref().expect("the set-up has a Redis")
    }

    pub fn redis_mut(&mut self) -> &mut Redis {
        self.redis.as_mut().expect("the set-up has a Redis")
    }

    /// `None`: the set-up has none.
    pub fn any_redis(&self) -> Option<&Redis> {
        self.redis.as_ref()
    }

    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// Writes the configuration as it is now.
    pub fn config_file(&self) -> PathBuf {
        let path = self.home().join("test.toml");
        // At once, because a command that was started before may be reading it.
        let new = path.with_extension("new");
        std::fs::write(&new, self.config.to_string()).unwrap();
        std::fs::rename(&new, &path).unwrap();
        path
    }

    pub async fn serve(&self) -> Server {
        self.serve_with(&[]).await
    }

    /// Another beside the one that serves already, where there may be one: without Redis PostgreSQL serves one.
    pub async fn another_replica(&self) -> Option<Server> {
        let is_alone = self.redis.is_none() && matches!(self.database, Database::Postgres { .. });
        if is_alone { None } else { Some(self.serve().await) }
    }

    /// With these flags besides.
    pub async fn serve_with(&self, flags: &[&str]) -> Server {
        Server::start(self.home(), &self.config_file(), flags).await
    }

    /// One whose clock is another: `+90s` is ahead of the others'.
    pub async fn serve_at(&self, shift: &str) -> Server {
        Server::start_at(self.home(), &self.config_file(), shift).await
    }

    /// A server that may have only so many files open.
    pub async fn serve_with_files(&self, files: usize) -> Server {
        Server::start_with_files(self.home(), &self.config_file(), files).await
    }

    /// `mcpchat --config … ARGUMENTS`, in this world.
    pub fn cli<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Invocation {
        let config = self.config_file();
        let arguments: Vec<&str> = arguments.into_iter().collect();
        Invocation::new(self.home(), [&["--config", config.to_str().unwrap()], arguments.as_slice()].concat())
    }

    /// Makes an account from the command line.
    pub async fn add_user(&self, name: &str) {
        let added = self.cli(["user", "add", name, "--password-stdin"]).input(super::PASSWORD).run().await;
        added.ended(0);
    }

    /// The same of an admin.
    pub async fn add_admin(&self, name: &str) {
        let added = self.cli(["user", "add", name, "--admin", "--password-stdin"]).input(super::PASSWORD).run().await;
        added.ended(0);
    }
}

fn new_home() -> TempDir {
    tempfile::Builder::new().prefix("mcpchat-test-").tempdir().unwrap()
}
