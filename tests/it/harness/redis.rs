//! A Redis of the test's own, so that it can be stopped, and its keys are nobody else's. It costs some milliseconds.

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::Path,
    process::Command,
};

use super::{eventually, process::Process};

pub struct Redis {
    process: Process,
    address: SocketAddr,
}

impl Redis {
    pub async fn start(home: &Path) -> Self {
        for _ in 0..5 {
            let mut redis = Self::on_free_port(home);
            if redis.answers().await {
                return redis;
            }
        }
        panic!("redis-server does not start");
    }

    fn on_free_port(home: &Path) -> Self {
        let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
        let port = address.port().to_string();
        let log = home.join("redis.log");
        let mut command = Command::new("redis-server");
        command.args(["--bind", "127.0.0.1", "--port", &port, "--save", "", "--appendonly", "no"]);
        command.arg("--dir").arg(home).arg("--logfile").arg(log);
        Self { process: Process::start("redis-server", &mut command), address }
    }

    /// False if the process ended instead, because another took the port in between.
    async fn answers(&mut self) -> bool {
        eventually("redis-server to answer", async || {
            let up = tokio::net::TcpStream::connect(self.address).await.is_ok();
            if self.process.has_ended() { Some(false) } else { up.then_some(true) }
        })
        .await
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops it in the middle of whatever it does: connections stay open, and nothing is answered.
    pub fn freeze(&self) {
        self.process.signal("STOP");
    }

    pub fn thaw(&self) {
        self.process.signal("CONT");
    }

    /// `CONFIG SET`.
    pub async fn configure(&self, name: &str, value: &str) {
        let client = redis::Client::open(format!("redis://{}", self.address)).unwrap();
        let mut connection = client.get_multiplexed_async_connection().await.unwrap();
        let set = redis::cmd("CONFIG").arg("SET").arg(name).arg(value).query_async::<()>(&mut connection).await;
        set.unwrap();
    }

    /// Ends it at once, without a word to anybody.
    pub async fn kill(&mut self) {
        self.process.signal("KILL");
        self.process.exit_code().await;
    }

    /// The names of all keys.
    pub async fn keys(&self) -> Vec<String> {
        self.ask(redis::cmd("KEYS").arg("*")).await
    }

    /// Loses everything.
    pub async fn forget(&self) {
        self.ask(&redis::cmd("FLUSHALL")).await
    }

    /// How long a key has left.
    pub async fn seconds_to_live(&self, key: &str) -> i64 {
        self.ask(redis::cmd("TTL").arg(key)).await
    }

    async fn ask<T: redis::FromRedisValue>(&self, command: &redis::Cmd) -> T {
        let client = redis::Client::open(format!("redis://{}", self.address)).unwrap();
        let mut connection = client.get_multiplexed_async_connection().await.unwrap();
        command.query_async(&mut connection).await.unwrap()
    }
}
