//! Redis topologies, and the connection to the node that takes writes: the one server, the master that sentinels name,
//! or the cluster node that has our keys. They all have one hash tag, so that one node has them all.

use std::time::Duration;

use futures_util::{StreamExt, future::select_ok, stream::FuturesUnordered};
use redis::{
    AsyncConnectionConfig, Client, ConnectionAddr, ConnectionInfo, IntoConnectionInfo, RedisResult,
    io::tcp::TcpSettings,
};
use tokio::time::timeout;

use super::{Error, Unavailable, cluster::Cluster, connection::Connection, probe::run_probe};
use crate::config::{Group, MultiHostUrl, Secret};

/// The timeout of one sentinel; all are queried at the same time.
const SENTINEL_TIMEOUT: Duration = Duration::from_millis(400);

pub(super) enum Topology {
    Single(Client),
    Sentinel(Sentinels),
    /// Seed nodes; any of them knows the node that has our keys.
    Cluster(Vec<ConnectionInfo>),
}

pub(super) struct Sentinels {
    clients: Vec<Client>,
    master: String,
    /// The connection settings of the master, but for its address.
    server: ConnectionInfo,
}

impl Topology {
    pub(super) fn of(url: &Secret) -> Result<Self, Error> {
        let Some(many) = MultiHostUrl::of(url.expose()) else { return Ok(Self::Single(open(url.expose())?)) };
        if let Some(mistake) = many.mistake() {
            return Err(Error::Url(mistake));
        }
        Ok(match many.group {
            Group::Cluster => Self::Cluster(many.nodes(6379).map(|node| info(&node)).collect::<Result<_, _>>()?),
            Group::Sentinel => Self::Sentinel(Sentinels {
                clients: many.sentinels().map(|sentinel| open(&sentinel)).collect::<Result<_, _>>()?,
                master: many.master().0.to_owned(),
                server: info(&many.server())?,
            }),
        })
    }

    /// A new connection that has passed the probe.
    pub(super) async fn connect(&self) -> Result<Connection, Unavailable> {
        let mut connection = match self {
            Self::Single(client) => Connection::One(connect(client).await?),
            Self::Sentinel(sentinels) => Connection::One(connect(&sentinels.master().await?).await?),
            // One of the nodes may be paused, or gone.
            Self::Cluster(nodes) => return Ok(select_ok(nodes.iter().map(|node| Box::pin(through(node)))).await?.0),
        };
        run_probe(&mut connection).await?;
        Ok(connection)
    }
}

impl Sentinels {
    /// The master that most sentinels name: one that was cut off from the others may not know of the last failover.
    async fn master(&self) -> Result<Client, Unavailable> {
        let mut answers: FuturesUnordered<_> = self.clients.iter().map(|sentinel| self.ask(sentinel)).collect();
        let mut votes: Vec<((String, u16), usize)> = Vec::new();
        let mut away = Unavailable::Answer(format!("no sentinel knows a master {:?}", self.master));
        while let Some(answer) = answers.next().await {
            match answer {
                Ok(Some(address)) => match votes.iter_mut().find(|(known, _)| *known == address) {
                    Some((_, count)) => *count += 1,
                    None => votes.push((address, 1)),
                },
                Ok(None) => {}
                Err(error) => away = error,
            }
            if votes.iter().any(|(_, count)| count * 2 > self.clients.len()) {
                break;
            }
        }
        let ((host, port), _) = votes.into_iter().max_by_key(|(_, count)| *count).ok_or(away)?;
        Ok(Client::open(at(&self.server, host, port))?)
    }

    async fn ask(&self, sentinel: &Client) -> Result<Option<(String, u16)>, Unavailable> {
        let asking = async {
            let mut connection = connect(sentinel).await?;
            let mut question = redis::cmd("SENTINEL");
            question.arg("GET-MASTER-ADDR-BY-NAME").arg(&self.master).query_async(&mut connection).await
        };
        Ok(timeout(SENTINEL_TIMEOUT, asking).await.map_err(|_| Unavailable::Timeout(SENTINEL_TIMEOUT))??)
    }
}

/// Connects through this node to the one that has our keys.
async fn through(node: &ConnectionInfo) -> Result<Connection, Unavailable> {
    let mut connection = Connection::Cluster(Cluster::through(node).await?);
    run_probe(&mut connection).await?;
    Ok(connection)
}

pub(super) async fn connect(client: &Client) -> RedisResult<redis::aio::MultiplexedConnection> {
    // `run` bounds whole calls; a second bound inside the connection would only cut a longer `command_timeout` short.
    let config = AsyncConnectionConfig::new().set_connection_timeout(None).set_response_timeout(None);
    client.get_multiplexed_async_connection_with_config(&config).await
}

/// The same connection settings (user, TLS) with another address.
pub(super) fn at(server: &ConnectionInfo, host: String, port: u16) -> ConnectionInfo {
    let address = match server.addr() {
        ConnectionAddr::TcpTls { insecure, tls_params, .. } => {
            ConnectionAddr::TcpTls { host, port, insecure: *insecure, tls_params: tls_params.clone() }
        }
        _ => ConnectionAddr::Tcp(host, port),
    };
    server.clone().set_addr(address)
}

fn open(url: &str) -> Result<Client, Error> {
    Client::open(info(url)?).map_err(|error| Error::Url(error.to_string()))
}

fn info(url: &str) -> Result<ConnectionInfo, Error> {
    let info = url.into_connection_info().map_err(|error| Error::Url(error.to_string()))?;
    // Telling the driver's name would be one more command that a user has to be allowed.
    let redis = info.redis_settings().clone().set_skip_set_lib_name();
    Ok(info.set_redis_settings(redis).set_tcp_settings(TcpSettings::default().set_nodelay(true)))
}
