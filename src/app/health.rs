//! Should this process get requests?

use super::{App, Error, Result};
use crate::config::OnFailure;

impl App {
    /// Ready when the database answers and limits can be counted, and the process is not shutting down.
    pub async fn ready(&self) -> Result<()> {
        if self.is_draining() {
            return Err(Error::Draining);
        }
        self.store.ping().await?;
        let counts_elsewhere = self.quota.on_failure == OnFailure::Database;
        let redis_is_away = self.redis.as_ref().is_some_and(|link| !link.is_up());
        if redis_is_away && !counts_elsewhere { Err(Error::RedisAway) } else { Ok(()) }
    }

    /// Keeps the gauges that are read rather than counted.
    pub fn refresh_gauges(&self) {
        let (used, idle) = self.store.connections();
        self.metrics.db_pool_connections.with_label_values(&["used"]).set(used.into());
        self.metrics.db_pool_connections.with_label_values(&["idle"]).set(idle.into());
    }
}
