//! The system under test: the replicas, and the PostgreSQL and Redis under them.

use std::sync::Mutex;

use rand::{RngExt, rngs::StdRng};
use tokio::sync::Mutex as Lock;

use crate::harness::{Person, Postgres, Server, World};

pub struct Cluster {
    /// Before the PostgreSQL that its database is on.
    pub world: World,
    /// One that may be stopped, if the storm has one of its own.
    pub postgres: Option<Postgres>,
    replicas: Vec<Replica>,
    /// What those said that have ended.
    said: Mutex<Vec<String>>,
}

struct Replica {
    server: Lock<Option<Server>>,
    /// Where a load balancer would send a client.
    address: Mutex<Option<String>>,
}

impl Cluster {
    pub async fn start(world: World, postgres: Option<Postgres>, replicas: usize) -> Self {
        let empty = || Replica { server: Lock::default(), address: Mutex::default() };
        let replicas = (0..replicas).map(|_| empty()).collect();
        let cluster = Self { world, postgres, replicas, said: Mutex::default() };
        for number in 0..cluster.replicas.len() {
            cluster.launch(number).await;
        }
        cluster
    }

    pub fn replicas(&self) -> usize {
        self.replicas.len()
    }

    /// One that is up as far as is known; `None` while none is.
    pub fn any(&self, random: &mut StdRng) -> Option<String> {
        let up: Vec<String> =
            self.replicas.iter().filter_map(|replica| replica.address.lock().unwrap().clone()).collect();
        if up.is_empty() { None } else { Some(up[random.random_range(0..up.len())].clone()) }
    }

    /// Starts a replica, again and again until it listens.
    pub async fn launch(&self, number: usize) {
        let config = self.world.config_file();
        let server = loop {
            if let Some(server) = Server::try_start(self.world.home(), &config).await {
                break server;
            }
        };
        let replica = &self.replicas[number];
        *replica.address.lock().unwrap() = Some(server.address().to_owned());
        *replica.server.lock().await = Some(server);
    }

    /// Sends a signal to a replica: `STOP`, `CONT`.
    pub async fn signal(&self, number: usize, signal: &str) {
        if let Some(server) = &*self.replicas[number].server.lock().await {
            server.process.signal(signal);
        }
    }

    /// A person with a new account, logged in at the first replica.
    pub async fn person(&self, name: &str) -> Person {
        self.replicas[0].server.lock().await.as_ref().expect("the replica is up").person(name).await
    }

    /// A person with an account, logged in at the first replica.
    pub async fn login(&self, name: &str) -> Person {
        self.replicas[0].server.lock().await.as_ref().expect("the replica is up").login(name).await
    }

    pub async fn pid(&self, number: usize) -> u32 {
        self.replicas[number].server.lock().await.as_ref().expect("the replica is up").process.pid()
    }

    /// Whether a replica that was started has ended by itself, or by what another process did to it.
    pub async fn has_died(&self, number: usize) -> bool {
        let mut server = self.replicas[number].server.lock().await;
        server.as_mut().is_none_or(|server| server.process.has_ended())
    }

    /// Whether a replica still does what it is there for. One that has been sent its end does not.
    pub async fn answers(&self, number: usize) -> bool {
        let address = self.replicas[number].address.lock().unwrap().clone();
        let Some(address) = address else { return false };
        reqwest::get(format!("http://{address}/livez")).await.is_ok()
    }

    /// Ends a replica at once. Load balancers hear of it afterwards.
    pub async fn kill(&self, number: usize) {
        if !self.has_died(number).await {
            self.signal(number, "KILL").await;
        }
        self.bury(number).await;
    }

    /// Sends a replica SIGTERM, and waits until it has ended.
    pub async fn retire(&self, number: usize) -> i32 {
        *self.replicas[number].address.lock().unwrap() = None;
        self.signal(number, "TERM").await;
        let code = match &mut *self.replicas[number].server.lock().await {
            Some(server) => server.process.exit_code().await,
            None => 0,
        };
        self.bury(number).await;
        code
    }

    async fn bury(&self, number: usize) {
        let replica = &self.replicas[number];
        let server = replica.server.lock().await.take();
        *replica.address.lock().unwrap() = None;
        if let Some(mut server) = server {
            server.process.exit_code().await;
            self.said.lock().unwrap().extend(server.process.lines());
        }
    }

    /// All that the replicas have said about this.
    pub async fn said_about(&self, what: &str) -> Vec<String> {
        let mut lines = self.said.lock().unwrap().clone();
        for replica in &self.replicas {
            if let Some(server) = &*replica.server.lock().await {
                lines.extend(server.process.lines());
            }
        }
        lines.retain(|line| line.contains(what));
        lines
    }
}
