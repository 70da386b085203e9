//! Redis Cluster client, which follows our keys to their node. A node without a key redirects (`MOVED`, or `ASK` during
//! a migration) instead of executing the command, so that it can be sent again without being executed twice; nothing
//! else is ever repeated, unlike in the cluster client of the `redis` crate. The caller's timeout bounds it all.

use std::{sync::Arc, time::Duration};

use parking_lot::{Mutex, MutexGuard};
use redis::{
    Client, Cmd, ConnectionAddr, ConnectionInfo, ErrorKind, Pipeline, RedisError, RedisResult, ServerErrorKind, Value,
    aio::{ConnectionLike, MultiplexedConnection},
};
use tokio::time::sleep;
use tracing::info;

use super::topology::{at, connect};

/// How often a command is sent while it is redirected.
const MOST_TRIES: usize = 16;
/// The pause between two tries while a command's keys are on two nodes.
const PAUSE: Duration = Duration::from_millis(10);

/// A connection to a cluster; cheap to clone.
#[derive(Clone)]
pub struct Cluster(Arc<Shared>);

struct Shared {
    /// The connection settings of every node, but for the address.
    node: ConnectionInfo,
    owner: Mutex<Node>,
    /// The node that is importing the keys, if one was named.
    importer: Mutex<Option<Node>>,
    /// Held while opening a node, so that concurrent callers open it once.
    opening: tokio::sync::Mutex<()>,
}

#[derive(Clone)]
struct Node {
    address: String,
    connection: MultiplexedConnection,
}

/// A redirection response.
enum Redirect {
    Moved(String),
    Ask(String),
    TryAgain,
}

impl Cluster {
    /// Connects through this node, whether or not it has our keys.
    pub(super) async fn through(node: &ConnectionInfo) -> RedisResult<Self> {
        let connection = connect(&Client::open(node.clone())?).await?;
        let owner = Mutex::new(Node { address: node.addr().to_string(), connection });
        let shared =
            Shared { node: node.clone(), owner, importer: Mutex::default(), opening: tokio::sync::Mutex::default() };
        Ok(Self(Arc::new(shared)))
    }

    pub(super) async fn request(&self, cmd: &Cmd) -> RedisResult<Value> {
        if let Some(importer) = self.importer()
            && is_script_load(cmd)
        {
            // Keys under migration are served there, and a script load has no keys to redirect it.
            importer.connection.clone().req_packed_command(cmd).await.ok();
        }
        let mut owner = self.owner();
        for number in 0..MOST_TRIES {
            if number > 1 {
                // Two nodes that each name the other do not agree yet.
                sleep(PAUSE).await;
            }
            let answer = owner.connection.req_packed_command(cmd).await.and_then(Value::extract_error);
            let answer = match answer.as_ref().err().and_then(redirect) {
                None => return answer,
                Some(Redirect::Ask(address)) => self.ask(&address, cmd).await,
                Some(Redirect::Moved(address)) => {
                    owner = self.follow(&owner, &address).await?;
                    continue;
                }
                Some(Redirect::TryAgain) => answer,
            };
            // The importer may redirect too: the migration is over, or has not got far enough.
            if answer.as_ref().err().and_then(redirect).is_none() {
                return answer;
            }
        }
        Err(moving())
    }

    /// Sends a pipeline, and each of its redirected commands again.
    pub(super) async fn requests(&self, pipeline: &Pipeline, offset: usize, count: usize) -> RedisResult<Vec<Value>> {
        if pipeline.is_transaction() {
            return self.transaction(pipeline, offset, count).await;
        }
        let mut answers = self.owner().connection.req_packed_commands(pipeline, offset, count).await?;
        for (answer, cmd) in answers.iter_mut().zip(pipeline.cmd_iter().skip(offset)) {
            let Value::ServerError(error) = &*answer else { continue };
            if redirect(&error.clone().into()).is_some() {
                *answer = self.request(cmd).await?;
            }
        }
        Ok(answers)
    }

    /// Sends a transaction: all or nothing; while its keys are being moved, nothing.
    async fn transaction(&self, pipeline: &Pipeline, offset: usize, count: usize) -> RedisResult<Vec<Value>> {
        let mut owner = self.owner();
        for number in 0..MOST_TRIES {
            if number > 1 {
                sleep(PAUSE).await;
            }
            let answer = owner.connection.req_packed_commands(pipeline, offset, count).await;
            let Err(error) = answer else { return answer };
            let inner = error.clone().into_server_errors();
            let redirects = inner.iter().flat_map(|errors| errors.iter());
            match redirects.filter_map(|(_, error)| redirect(&error.clone().into())).next() {
                None => return Err(error),
                Some(Redirect::Moved(address)) => owner = self.follow(&owner, &address).await?,
                Some(Redirect::Ask(_) | Redirect::TryAgain) => {}
            }
        }
        Err(moving())
    }

    /// Switches all callers to the node that the keys have moved to.
    async fn follow(&self, left: &Node, address: &str) -> RedisResult<Node> {
        let _opening = self.0.opening.lock().await;
        let owner = self.owner();
        if owner.address != left.address {
            return Ok(owner);
        }
        let imported = self.importer().filter(|importer| importer.address == address);
        let node = match imported {
            Some(importer) => importer,
            None => self.open(address).await?,
        };
        info!(node = address, "the keys in redis have moved to another node");
        *self.lock_owner() = node.clone();
        *self.lock_importer() = None;
        Ok(node)
    }

    /// Sends a command for a key under migration to its new node.
    async fn ask(&self, address: &str, cmd: &Cmd) -> RedisResult<Value> {
        let mut importer = self.opened_importer(address).await?;
        let mut both = redis::pipe();
        both.add_command(redis::cmd("ASKING")).add_command(cmd.clone());
        let answers = importer.connection.req_packed_commands(&both, 1, 1).await?;
        answers.into_iter().next().unwrap_or(Value::Nil).extract_error()
    }

    async fn opened_importer(&self, address: &str) -> RedisResult<Node> {
        let _opening = self.0.opening.lock().await;
        if let Some(importer) = self.importer().filter(|importer| importer.address == address) {
            return Ok(importer);
        }
        let node = self.open(address).await?;
        *self.lock_importer() = Some(node.clone());
        Ok(node)
    }

    async fn open(&self, address: &str) -> RedisResult<Node> {
        let (host, port) = address
            .rsplit_once(':')
            .and_then(|(host, port)| Some((host, port.parse().ok()?)))
            .ok_or_else(|| RedisError::from((ErrorKind::Parse, "a node without an address", address.to_owned())))?;
        // An empty host is the one that the node was reached by.
        let own = match self.0.node.addr() {
            ConnectionAddr::Tcp(host, _) | ConnectionAddr::TcpTls { host, .. } => host,
            _ => host,
        };
        let host = if host.is_empty() { own } else { host.trim_matches(['[', ']']) };
        let connection = connect(&Client::open(at(&self.0.node, host.to_owned(), port))?).await?;
        Ok(Node { address: address.to_owned(), connection })
    }

    fn owner(&self) -> Node {
        self.lock_owner().clone()
    }

    fn importer(&self) -> Option<Node> {
        self.lock_importer().clone()
    }

    fn lock_owner(&self) -> MutexGuard<'_, Node> {
        self.0.owner.lock()
    }

    fn lock_importer(&self) -> MutexGuard<'_, Option<Node>> {
        self.0.importer.lock()
    }
}

fn redirect(error: &RedisError) -> Option<Redirect> {
    let node = || error.redirect_node().map(|(address, _)| address.to_owned());
    match error.kind() {
        ErrorKind::Server(ServerErrorKind::Moved) => node().map(Redirect::Moved),
        ErrorKind::Server(ServerErrorKind::Ask) => node().map(Redirect::Ask),
        ErrorKind::Server(ServerErrorKind::TryAgain) => Some(Redirect::TryAgain),
        _ => None,
    }
}

fn is_script_load(cmd: &Cmd) -> bool {
    cmd.args_iter()
        .next()
        .is_some_and(|arg| matches!(arg, redis::Arg::Simple(name) if name.eq_ignore_ascii_case(b"SCRIPT")))
}

/// The error for a command whose keys are on two nodes for too long.
fn moving() -> RedisError {
    RedisError::from((ErrorKind::Server(ServerErrorKind::TryAgain), "the keys are being moved"))
}
