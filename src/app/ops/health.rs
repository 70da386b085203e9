//! Readiness, load shedding and gauges of this process.

use std::time::Instant;

use crate::app::{App, Error, Origin, Result};

impl App {
    /// Ready when the database takes writes, limits can be counted, and the process is not draining.
    pub async fn ready(&self, origin: &Origin) -> Result<()> {
        self.lifecycle.readiness_probes.record(origin.address, Instant::now());
        if self.is_draining() {
            return Err(Error::Draining);
        }
        self.store.ensure_writable().await?;
        self.demand_replica_lease()?;
        self.limits.demand_available()
    }

    /// Refuses a turn when this process runs as many as it may.
    pub(in crate::app) fn demand_room_for_a_turn(&self) -> Result<()> {
        if self.lifecycle.running_turns() < self.config.server.max_running_turns {
            return Ok(());
        }
        self.metrics.requests_shed_total.with_label_values(&["turns"]).inc();
        Err(Error::Overloaded)
    }

    /// Updates the gauges that are sampled rather than counted.
    pub fn refresh_gauges(&self) {
        let (used, idle) = self.store.connections();
        self.metrics.db_pool_connections.with_label_values(&["used"]).set(used.into());
        self.metrics.db_pool_connections.with_label_values(&["idle"]).set(idle.into());
        let tasks = tokio::runtime::Handle::current().metrics().num_alive_tasks();
        self.metrics.tasks.set(i64::try_from(tasks).unwrap_or(i64::MAX));
    }
}
