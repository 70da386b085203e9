//! The replica lease: without Redis only one replica may serve on a PostgreSQL database, because it alone knows what it
//! runs. The lease ends within seconds of its process, so that a restart waits for a crashed predecessor no longer, and
//! is refused only beside a live one. A draining replica has released its lease.

use std::{fs, time::Duration};

use tokio::time::{Instant, sleep};

use crate::{
    app::{App, Error, Result},
    store::{Outage, ReplicaLease},
};

/// How long a crashed replica delays its successor at most.
const TTL: Duration = Duration::from_secs(6);
pub(in crate::app) const RENEW_EVERY: Duration = Duration::from_secs(2);
/// Between two reads of another's lease.
const LOOK_EVERY: Duration = Duration::from_millis(250);

impl App {
    /// Takes the lease where one is needed, and waits for that of a dead process to end. Errors: a live one holds it.
    pub async fn take_replica_lease(&self) -> Result<()> {
        if !self.needs_replica_lease() {
            return Ok(());
        }
        let since = Instant::now();
        let mut first: Option<ReplicaLease> = None;
        loop {
            let held = match self.store.take_replica_lease(self.instance, &host(), TTL).await.map_err(Error::from) {
                Ok(None) => return Ok(()),
                Ok(Some(held)) => held,
                // A standby may become a primary; until then nothing is served (`/readyz`).
                Err(Error::DatabaseUnavailable(outage)) if outage.is_read_only() => return Ok(()),
                Err(error) => return Err(error),
            };
            match &first {
                None => {
                    tracing::info!(host = held.host, "waiting for the lease of a replica that may be gone");
                    first = Some(held);
                }
                Some(first) if *first != held || since.elapsed() > TTL * 2 => return Err(Error::Setup(beside(&held))),
                Some(_) => {}
            }
            sleep(LOOK_EVERY).await;
        }
    }

    /// Renews the lease, also where it was lost while the database was unavailable.
    pub(in crate::app) async fn renew_replica_lease(&self) {
        if !self.needs_replica_lease() || self.is_draining() {
            return;
        }
        let other = match self.store.take_replica_lease(self.instance, &host(), TTL).await {
            Ok(other) => other,
            Err(error) => return tracing::debug!(%error, "the lease of this replica could not be renewed"),
        };
        let known = std::mem::replace(&mut *self.lock_other_replica(), other.clone());
        if let (None, Some(other)) = (known, other) {
            tracing::error!(
                host = other.host,
                "another replica serves on this database without Redis; this one is not ready"
            );
        }
    }

    /// Errors: another replica took the lease while the database was unavailable.
    pub(in crate::app) fn demand_replica_lease(&self) -> Result<()> {
        match &*self.lock_other_replica() {
            Some(other) => Err(Error::DatabaseUnavailable(Outage::lasting(beside(other), "stop one of them"))),
            None => Ok(()),
        }
    }

    /// Releases the lease to a successor.
    pub(in crate::app) async fn release_replica_lease(&self) {
        if self.needs_replica_lease() {
            self.store.release_replica_lease(self.instance).await.ok();
        }
    }

    fn needs_replica_lease(&self) -> bool {
        self.redis.is_none() && !self.store.is_sqlite()
    }

    fn lock_other_replica(&self) -> parking_lot::MutexGuard<'_, Option<ReplicaLease>> {
        self.other_replica.lock()
    }
}

fn beside(other: &ReplicaLease) -> String {
    format!(
        "another replica (on {}) serves on this database, and without Redis only one may; set `[redis] url` on all of them, \
         or stop it",
        other.host
    )
}

fn host() -> String {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    name.split_whitespace().next().unwrap_or("an unknown host").to_owned()
}
