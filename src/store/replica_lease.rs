//! The lease of the one replica that may serve without Redis: a row instead of a session lock, which a connection
//! pooler would keep or lose. Its times are the database's.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::FromRow;

use super::{Error, Pool, Store, with_timeout};
use crate::model::InstanceId;

/// The lease with its holder.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct ReplicaLease {
    pub holder: InstanceId,
    pub host: String,
    pub lease_until: DateTime<Utc>,
}

impl Store {
    /// Takes the lease, or renews it. `Some`: another process holds it.
    pub async fn take_replica_lease(
        &self,
        holder: InstanceId,
        host: &str,
        ttl: Duration,
    ) -> Result<Option<ReplicaLease>, Error> {
        let Pool::Postgres(server) = &self.pool else { return Ok(None) };
        let take = "insert into replica_lease (id, holder, host, lease_until) \
                    values (1, $1, $2, clock_timestamp() + make_interval(secs => $3)) \
                    on conflict (id) do update set holder = excluded.holder, host = excluded.host, lease_until = excluded.lease_until \
                    where replica_lease.holder = excluded.holder or replica_lease.lease_until < clock_timestamp()";
        let taken = sqlx::query(take).bind(holder).bind(host).bind(ttl.as_secs_f64()).execute(server);
        if with_timeout(async { Ok(taken.await?) }).await?.rows_affected() == 1 {
            return Ok(None);
        }
        let query = "select holder, host, lease_until from replica_lease";
        with_timeout(async { Ok(sqlx::query_as(query).fetch_optional(server).await?) }).await
    }

    /// Releases the lease, so that it is free at once.
    pub async fn release_replica_lease(&self, holder: InstanceId) -> Result<(), Error> {
        let Pool::Postgres(server) = &self.pool else { return Ok(()) };
        let query = sqlx::query("delete from replica_lease where holder = $1").bind(holder).execute(server);
        with_timeout(async { Ok(query.await?) }).await.map(drop)
    }
}
