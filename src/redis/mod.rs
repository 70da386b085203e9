//! The shared Redis connection, with a timeout on every command and a circuit breaker, so that a Redis that is slow,
//! paused or gone costs a request one command timeout at the most and every request after it nothing.
//!
//! Redis is one server, a master that sentinels name, or a cluster (`topology`). A call that meets a timeout, a broken
//! connection or an error by which Redis declines service opens the breaker; while it is open every call fails at once.
//! One task, owned by the link, then tries a fresh connection about every half second and closes the breaker again.
//! What to do without Redis is the caller's decision; this module only reports that it is unavailable. It never repeats
//! a command: whether one that timed out was executed is unknown.

#![expect(clippy::disallowed_methods, reason = "the reconnecting task ends with the last clone of the link")]

use std::{sync::Arc, time::Duration};

use redis::{FromRedisValue, RedisResult, ScriptInvocation};
use tokio::{
    sync::watch,
    time::{sleep, timeout},
};
use tokio_util::task::AbortOnDropHandle;
use tracing::debug;

use self::{breaker::Breaker, topology::Topology};
pub use self::{connection::Connection, unavailable::Unavailable};
use crate::{
    config::Secret,
    metrics::waits::{Awaited, waiting},
};

mod breaker;
mod cluster;
mod connection;
mod probe;
#[cfg(test)]
pub(crate) mod test_server;
#[cfg(test)]
mod tests;
mod topology;
mod unavailable;

/// The timeout of a fresh connection's handshake and probe. Only start-up waits for it.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// The interval between attempts to connect; up to a tenth is added at random, so that replicas do not synchronize.
const PAUSE: Duration = Duration::from_millis(500);

#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A mistake in the configuration. The URL is not repeated: it may hold a password.
    #[error(
        "the redis url cannot be used: {0}; it looks like `redis://user:password@host:6379/0`, \
         `redis+sentinel://host,host/master` or `redis+cluster://host,host`, with `rediss` for tls"
    )]
    Url(String),
}

/// A shared link to Redis; cheap to clone. The reconnecting task ends with the last clone.
#[derive(Clone)]
pub struct RedisLink(Arc<Link>);

struct Link {
    core: Arc<Core>,
    _reconnecting: AbortOnDropHandle<()>,
}

struct Core {
    topology: Topology,
    command_timeout: Duration,
    breaker: Breaker,
}

impl RedisLink {
    /// Tries once to connect and, where Redis is unavailable, starts with the breaker open and reconnects later.
    ///
    /// # Errors
    /// A URL that cannot be used.
    pub async fn open(url: &Secret, command_timeout: Duration) -> Result<Self, Error> {
        let topology = Topology::of(url)?;
        let breaker = match connect_fresh(&topology).await {
            Ok(connection) => Breaker::closed(connection),
            Err(away) => Breaker::opened(&away),
        };
        Ok(Self::with(topology, command_timeout, breaker))
    }

    fn with(topology: Topology, command_timeout: Duration, breaker: Breaker) -> Self {
        let core = Arc::new(Core { topology, command_timeout, breaker });
        let healer = AbortOnDropHandle::new(tokio::spawn(reconnect(core.clone())));
        Self(Arc::new(Link { core, _reconnecting: healer }))
    }

    pub fn is_up(&self) -> bool {
        *self.0.core.breaker.up().borrow()
    }

    /// Counts the connections that were in use.
    pub fn generation(&self) -> u64 {
        self.0.core.breaker.generation()
    }

    /// A watch on whether Redis is up: what `redis_up` shows.
    pub fn up(&self) -> watch::Receiver<bool> {
        self.0.core.breaker.up()
    }

    /// A connection beside the shared one, for a test.
    #[cfg(test)]
    pub(crate) async fn another(&self) -> Result<Connection, Unavailable> {
        connect_fresh(&self.0.core.topology).await
    }

    /// Runs one command, or several that belong together, on the shared connection. The command timeout bounds all of
    /// `commands`; dropped on a timeout, it may have been carried out or not.
    pub async fn run<T, F>(&self, commands: impl FnOnce(Connection) -> F) -> Result<T, Unavailable>
    where
        F: Future<Output = RedisResult<T>>,
    {
        let core = &self.0.core;
        let (generation, connection) = core.breaker.connection()?;
        let answered = waiting(Awaited::Redis, timeout(core.command_timeout, commands(connection)));
        let away = match answered.await {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(error)) => Unavailable::from(error),
            Err(_) => Unavailable::Timeout(core.command_timeout),
        };
        if away.is_outage() {
            core.breaker.open(generation, &away);
        }
        Err(away)
    }

    async fn ask<T: FromRedisValue>(&self, command: &str) -> Result<T, Unavailable> {
        let asked = redis::cmd(command);
        self.run_aside(async |mut connection| asked.query_async(&mut connection).await).await
    }

    /// Runs commands that nothing depends on: a refusal or a timeout does not open the breaker.
    async fn run_aside<T, F>(&self, commands: impl FnOnce(Connection) -> F) -> Result<T, Unavailable>
    where
        F: Future<Output = RedisResult<T>>,
    {
        let core = &self.0.core;
        let (_, connection) = core.breaker.connection()?;
        let answered = timeout(core.command_timeout, commands(connection)).await;
        answered.map_err(|_| Unavailable::Timeout(core.command_timeout))?.map_err(Unavailable::from)
    }

    /// `Ok` while the breaker is closed; else why it is open.
    pub fn ensure_up(&self) -> Result<(), Unavailable> {
        self.0.core.breaker.connection().map(drop)
    }

    /// One round trip; `Ok` when Redis responds.
    pub async fn ping(&self) -> Result<(), Unavailable> {
        self.ask::<redis::Value>("PING").await.map(drop)
    }

    /// Whether a fresh connection passes the probe; reports why not, which an open breaker does not.
    pub async fn probe_fresh(&self) -> Result<(), Unavailable> {
        connect_fresh(&self.0.core.topology).await.map(drop)
    }

    /// The server's `INFO`.
    pub async fn info(&self) -> Result<String, Unavailable> {
        self.ask("INFO").await
    }

    /// The server's time: seconds since 1970, and microseconds.
    pub async fn time(&self) -> Result<(i64, u32), Unavailable> {
        self.ask("TIME").await
    }

    /// Runs a script by its hash: one round trip, or three where this Redis has not seen the script yet.
    pub async fn script<T: FromRedisValue>(&self, call: &ScriptInvocation<'_>) -> Result<T, Unavailable> {
        self.run(async |mut connection| call.invoke_async(&mut connection).await).await
    }

    /// Runs a script that nothing depends on.
    pub async fn script_aside(&self, call: &ScriptInvocation<'_>) -> Result<(), Unavailable> {
        self.run_aside(async |mut connection| call.invoke_async(&mut connection).await).await
    }
}

/// A new connection that has passed the probe.
async fn connect_fresh(topology: &Topology) -> Result<Connection, Unavailable> {
    timeout(CONNECT_TIMEOUT, topology.connect()).await.unwrap_or(Err(Unavailable::Timeout(CONNECT_TIMEOUT)))
}

/// Waits until the breaker is open, then tries until it is closed again; one attempt per pause, whatever happens.
async fn reconnect(core: Arc<Core>) {
    let mut up = core.breaker.up();
    while up.wait_for(|up| !up).await.is_ok() {
        match connect_fresh(&core.topology).await {
            Ok(connection) => core.breaker.close(connection),
            Err(away) => {
                debug!(reason = %away, "redis is still away");
                core.breaker.stay_open(&away);
            }
        }
        sleep(PAUSE.mul_f64(rand::random_range(1.0..1.1))).await;
    }
}
