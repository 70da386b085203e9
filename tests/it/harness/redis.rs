//! A Redis of the test's own, so that it can be stopped, and its keys are no other test's. It costs some milliseconds.

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::Command,
    sync::{Mutex, MutexGuard},
};

use redis::{FromRedisValue, aio::MultiplexedConnection};

use super::{eventually, process::Process};

pub struct Redis {
    process: Mutex<Process>,
    address: SocketAddr,
    home: PathBuf,
    arguments: Vec<String>,
}

impl Redis {
    pub async fn start(home: &Path) -> Self {
        Self::start_with(home, &[]).await
    }

    /// One that writes down what it is told before it answers, and so knows it again after a crash. The disk's cache is trusted;
    /// with an fsync every second it would sometimes answer first.
    pub async fn start_durable(home: &Path) -> Self {
        Self::start_with(home, &["--appendonly", "yes", "--appendfsync", "no"]).await
    }

    /// With these arguments besides; `home` is its own.
    pub async fn start_with(home: &Path, arguments: &[&str]) -> Self {
        let arguments: Vec<String> = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        for _ in 0..5 {
            let redis = Self::on(free_port(), home, &arguments);
            if redis.answers().await {
                return redis;
            }
        }
        panic!("redis-server does not start");
    }

    fn on(port: u16, home: &Path, arguments: &[String]) -> Self {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let process = Mutex::new(launch(port, home, arguments));
        Self { process, address, home: home.to_owned(), arguments: arguments.to_vec() }
    }

    fn process(&self) -> MutexGuard<'_, Process> {
        self.process.lock().unwrap()
    }

    /// False if the process ended instead, because another took the port in between.
    async fn answers(&self) -> bool {
        eventually("redis-server to answer", async || {
            let up = tokio::net::TcpStream::connect(self.address).await.is_ok();
            if self.process().has_ended() { Some(false) } else { up.then_some(true) }
        })
        .await
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops it in the middle of whatever it does: connections stay open, and nothing is answered.
    pub fn freeze(&self) {
        self.process().signal("STOP");
    }

    pub fn thaw(&self) {
        self.process().signal("CONT");
    }

    /// Ends it at once, with all it knows.
    pub async fn kill(&self) {
        self.process().signal("KILL");
        eventually("the end of redis-server", async || self.process().has_ended().then_some(())).await;
    }

    /// Starts it again as it was, on the same port.
    pub async fn start_again(&self) {
        *self.process() = launch(self.address.port(), &self.home, &self.arguments);
        assert!(self.answers().await, "its port is taken");
    }

    /// Takes away the scripts it has been given.
    pub async fn forget_scripts(&self) {
        self.ask::<()>(&["SCRIPT", "FLUSH"]).await;
    }

    /// Starts it anew on the same port, with these arguments besides.
    pub async fn restart(&mut self, more: &[&str]) {
        let more = more.iter().map(|argument| (*argument).to_owned());
        let arguments: Vec<String> = self.arguments.iter().cloned().chain(more).collect();
        let mut new = Self::on(self.address.port(), &self.home, &arguments);
        assert!(new.answers().await, "its port is taken");
        new.arguments.clone_from(&self.arguments);
        *self = new;
    }

    pub async fn try_connection(&self) -> redis::RedisResult<MultiplexedConnection> {
        let client = redis::Client::open(format!("redis://{}", self.address))?;
        client.get_multiplexed_async_connection().await
    }

    /// Runs a command.
    pub async fn ask<T: FromRedisValue>(&self, words: &[&str]) -> T {
        let mut command = redis::cmd(words[0]);
        command.arg(&words[1..]).query_async(&mut self.try_connection().await.unwrap()).await.unwrap()
    }

    /// Whether it says `role:master` or `role:slave`; it says nothing to a client that it refuses.
    pub async fn is_a(&self, role: &str) -> bool {
        let Ok(mut connection) = self.try_connection().await else { return false };
        let told = redis::cmd("INFO").arg("replication").query_async::<String>(&mut connection).await;
        told.is_ok_and(|told| told.contains(&format!("role:{role}")))
    }

    /// `CONFIG SET`.
    pub async fn configure(&self, name: &str, value: &str) {
        self.ask::<()>(&["CONFIG", "SET", name, value]).await;
    }

    /// The names of all keys.
    pub async fn keys(&self) -> Vec<String> {
        self.ask(&["KEYS", "*"]).await
    }

    /// Loses everything.
    pub async fn forget(&self) {
        self.ask(&["FLUSHALL"]).await
    }

    /// How long a key has left.
    pub async fn seconds_to_live(&self, key: &str) -> i64 {
        self.ask(&["TTL", key]).await
    }
}

pub fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

fn launch(port: u16, home: &Path, arguments: &[String]) -> Process {
    let mut command = Command::new("redis-server");
    // A file of sentinels is their configuration, and comes first.
    let (file, flags) =
        arguments.split_at(usize::from(arguments.first().is_some_and(|first| first.ends_with(".conf"))));
    command.args(file).args(["--bind", "127.0.0.1", "--port", &port.to_string()]);
    if file.is_empty() {
        command.args(["--save", "", "--appendonly", "no"]);
    }
    command.arg("--dir").arg(home).arg("--logfile").arg(home.join("redis.log")).args(flags);
    Process::start("redis-server", &mut command)
}
