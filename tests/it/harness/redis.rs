//! A Redis of the test's own, so that it can be stopped, and its keys are nobody else's. It costs some milliseconds.

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::Command,
    sync::{Mutex, MutexGuard},
};

use super::{eventually, process::Process};

pub struct Redis {
    process: Mutex<Process>,
    address: SocketAddr,
    home: PathBuf,
    /// Writes down what it is told, and so knows it again after a crash.
    remembers: bool,
}

impl Redis {
    pub async fn start(home: &Path) -> Self {
        Self::start_as(home, false).await
    }

    /// One that knows everything again after a crash.
    pub async fn start_durable(home: &Path) -> Self {
        Self::start_as(home, true).await
    }

    async fn start_as(home: &Path, remembers: bool) -> Self {
        for _ in 0..5 {
            let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
            let process = Mutex::new(launch(address, home, remembers));
            let redis = Self { process, address, home: home.to_owned(), remembers };
            if redis.answers().await {
                return redis;
            }
        }
        panic!("redis-server does not start");
    }

    /// False if the process ended instead, because another took the port in between.
    async fn answers(&self) -> bool {
        eventually("redis-server to answer", async || {
            let up = tokio::net::TcpStream::connect(self.address).await.is_ok();
            if self.process().has_ended() { Some(false) } else { up.then_some(true) }
        })
        .await
    }

    fn process(&self) -> MutexGuard<'_, Process> {
        self.process.lock().unwrap()
    }

    /// Ends it at once. All connections break.
    pub async fn crash(&self) {
        self.process().signal("KILL");
        eventually("the end of redis-server", async || self.process().has_ended().then_some(())).await;
    }

    /// On the same port; empty, unless it is one that remembers.
    pub async fn start_again(&self) {
        *self.process() = launch(self.address, &self.home, self.remembers);
        assert!(self.answers().await, "redis-server does not start again");
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

    /// Takes away the scripts it has been given.
    pub async fn forget_scripts(&self) {
        self.ask::<()>(redis::cmd("SCRIPT").arg("FLUSH")).await;
    }

    /// The names of all keys.
    pub async fn keys(&self) -> Vec<String> {
        self.ask(redis::cmd("KEYS").arg("*")).await
    }

    pub async fn ask<T: redis::FromRedisValue>(&self, command: &redis::Cmd) -> T {
        let client = redis::Client::open(format!("redis://{}", self.address)).unwrap();
        let mut connection = client.get_multiplexed_async_connection().await.unwrap();
        command.query_async(&mut connection).await.unwrap()
    }
}

fn launch(address: SocketAddr, home: &Path, remembers: bool) -> Process {
    let (port, appends) = (address.port().to_string(), if remembers { "yes" } else { "no" });
    let mut command = Command::new("redis-server");
    command.args(["--bind", "127.0.0.1", "--port", &port, "--save", "", "--appendonly", appends]);
    command.arg("--dir").arg(home).arg("--logfile").arg(home.join("redis.log"));
    Process::start("redis-server", &mut command)
}
