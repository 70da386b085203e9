//! The shared connection of all callers: to one server, or into a cluster. Clones share it, and commands of many tasks
//! are in flight on it at once.

use redis::{
    Cmd, Pipeline, RedisFuture, Value,
    aio::{ConnectionLike, MultiplexedConnection},
};

use super::cluster::Cluster;

#[derive(Clone)]
pub enum Connection {
    One(MultiplexedConnection),
    Cluster(Cluster),
}

impl ConnectionLike for Connection {
    fn req_packed_command<'a>(&'a mut self, cmd: &'a Cmd) -> RedisFuture<'a, Value> {
        match self {
            Self::One(server) => server.req_packed_command(cmd),
            Self::Cluster(cluster) => Box::pin(cluster.request(cmd)),
        }
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        pipeline: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        match self {
            Self::One(server) => server.req_packed_commands(pipeline, offset, count),
            Self::Cluster(cluster) => Box::pin(cluster.requests(pipeline, offset, count)),
        }
    }

    fn get_db(&self) -> i64 {
        match self {
            Self::One(server) => server.get_db(),
            Self::Cluster(_) => 0,
        }
    }
}
