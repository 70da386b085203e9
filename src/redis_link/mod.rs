//! The one connection to Redis, with a bound on every command and a circuit breaker, so that a Redis that is
//! slow, paused or gone costs a request one command timeout at the most and every request after it nothing.
//!
//! A call that meets a timeout, a broken connection or an answer that Redis gives when it cannot serve opens the
//! breaker; while it is open every call fails at once. One task, owned by the link, then tries a fresh connection
//! about every half second and closes the breaker again. What to do without Redis is the caller's decision; this module
//! only says that it is away. It never repeats a command: whether one that timed out was carried out, nobody can know.

use std::{sync::Arc, time::Duration};

use redis::{
    AsyncConnectionConfig, Client, FromRedisValue, IntoConnectionInfo, RedisResult, ScriptInvocation,
    io::tcp::TcpSettings,
};
use tokio::{
    sync::watch,
    time::{sleep, timeout},
};
use tokio_util::task::AbortOnDropHandle;
use tracing::debug;

pub use self::away::Away;
use self::breaker::Breaker;
use crate::{
    config::Secret,
    metrics::waits::{Awaited, waiting},
};

mod away;
mod breaker;
#[cfg(test)]
pub(crate) mod test_server;
#[cfg(test)]
mod tests;

/// One multiplexed connection; clones share it, and commands of many tasks are in flight on it at once.
pub type Connection = redis::aio::MultiplexedConnection;

/// How long a fresh connection may take with its handshake and first command. Nobody waits for it but start-up.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// At most one attempt to connect in this time; up to a tenth is added by chance, so that replicas do not come in step.
const PAUSE: Duration = Duration::from_millis(500);

#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A mistake in the configuration. The URL is not repeated: it may hold a password.
    #[error(
        "the redis url cannot be used: {0}; it looks like `redis://user:password@host:6379/0`, or `rediss://` for tls"
    )]
    Url(String),
}

/// Cheap to clone. The healing task ends with the last clone.
#[derive(Clone)]
pub struct RedisLink(Arc<Link>);

struct Link {
    core: Arc<Core>,
    _healer: AbortOnDropHandle<()>,
}

struct Core {
    client: Client,
    command_timeout: Duration,
    breaker: Breaker,
}

impl RedisLink {
    /// Tries once to connect and, where Redis is away, starts with the breaker open and heals later.
    ///
    /// # Errors
    /// A URL that cannot be used.
    pub async fn open(url: &Secret, command_timeout: Duration) -> Result<Self, Error> {
        let client = client(url)?;
        let breaker = match fresh(&client).await {
            Ok(connection) => Breaker::closed(connection),
            Err(away) => Breaker::opened(&away),
        };
        Ok(Self::with(client, command_timeout, breaker))
    }

    fn with(client: Client, command_timeout: Duration, breaker: Breaker) -> Self {
        let core = Arc::new(Core { client, command_timeout, breaker });
        let healer = AbortOnDropHandle::new(tokio::spawn(heal(core.clone())));
        Self(Arc::new(Link { core, _healer: healer }))
    }

    pub fn is_up(&self) -> bool {
        *self.0.core.breaker.up().borrow()
    }

    /// Whether Redis is up, and every change of it: what `redis_up` shows.
    pub fn up(&self) -> watch::Receiver<bool> {
        self.0.core.breaker.up()
    }

    /// For connections of their own, which a test uses beside the shared one.
    #[cfg(test)]
    pub(crate) fn client(&self) -> &Client {
        &self.0.core.client
    }

    /// Runs one command, or several that belong together, on the shared connection. The command timeout bounds all of
    /// `commands`; dropped on a timeout, it may have been carried out or not.
    pub async fn run<T, F>(&self, commands: impl FnOnce(Connection) -> F) -> Result<T, Away>
    where
        F: Future<Output = RedisResult<T>>,
    {
        let core = &self.0.core;
        let (generation, connection) = core.breaker.connection()?;
        let answered = waiting(Awaited::Redis, timeout(core.command_timeout, commands(connection)));
        let away = match answered.await {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(error)) => Away::from(error),
            Err(_) => Away::Timeout(core.command_timeout),
        };
        if away.concerns_everyone() {
            core.breaker.open(generation, &away);
        }
        Err(away)
    }

    /// One round trip; `Ok` when Redis answers.
    pub async fn ping(&self) -> Result<(), Away> {
        self.run(async |mut connection| redis::cmd("PING").query_async::<()>(&mut connection).await).await
    }

    /// Whether a fresh connection can be made and takes a write; says why not, which an open breaker does not.
    pub async fn reach(&self) -> Result<(), Away> {
        fresh(&self.0.core.client).await.map(drop)
    }

    /// What the server tells of itself.
    pub async fn info(&self) -> Result<String, Away> {
        self.run(async |mut connection| redis::cmd("INFO").query_async(&mut connection).await).await
    }

    /// The server's time: seconds since 1970, and microseconds.
    pub async fn time(&self) -> Result<(i64, u32), Away> {
        self.run(async |mut connection| redis::cmd("TIME").query_async(&mut connection).await).await
    }

    /// Runs a script by its hash: one round trip, or three where this Redis has not seen the script yet.
    pub async fn script<T: FromRedisValue>(&self, call: &ScriptInvocation<'_>) -> Result<T, Away> {
        self.run(async |mut connection| call.invoke_async(&mut connection).await).await
    }
}

fn client(url: &Secret) -> Result<Client, Error> {
    let bad_url = |error: redis::RedisError| Error::Url(error.to_string());
    let settings = TcpSettings::default().set_nodelay(true);
    let info = url.expose().into_connection_info().map_err(bad_url)?.set_tcp_settings(settings);
    Client::open(info).map_err(bad_url)
}

/// A new connection that has proved itself. The proof is a write: a replica and a full Redis answer `PING` too.
async fn fresh(client: &Client) -> Result<Connection, Away> {
    // `run` bounds whole calls; a second bound inside the connection would only cut a longer `command_timeout` short.
    let config = AsyncConnectionConfig::new().set_connection_timeout(None).set_response_timeout(None);
    let attempt = async {
        let mut connection = client.get_multiplexed_async_connection_with_config(&config).await?;
        let mut probe = redis::cmd("SET");
        probe.arg("{mcpchat}:probe").arg(1).arg("PX").arg(1000).query_async::<()>(&mut connection).await?;
        Ok(connection)
    };
    timeout(CONNECT_TIMEOUT, attempt).await.unwrap_or(Err(Away::Timeout(CONNECT_TIMEOUT)))
}

/// Waits until the breaker is open, then tries until it is closed again; one attempt per pause, whatever happens.
async fn heal(core: Arc<Core>) {
    let mut up = core.breaker.up();
    while up.wait_for(|up| !up).await.is_ok() {
        match fresh(&core.client).await {
            Ok(connection) => core.breaker.close(connection),
            Err(away) => debug!(reason = %away, "redis is still away"),
        }
        sleep(PAUSE.mul_f64(rand::random_range(1.0..1.1))).await;
    }
}
