//! The epoch of the data in Redis: a number beside the counters, which changes where none of them can be trusted,
//! because this is another server than the last one, or because the database has counted meanwhile. Each subject is
//! then restored on its next request (`restore`). An empty Redis has no epoch, and begins one.

use std::sync::atomic::Ordering;

use super::RedisCounters;
use crate::redis::Unavailable;

impl RedisCounters {
    /// Checks each new connection, which may be to another server.
    pub(super) async fn look_at_epoch(&self) -> Result<(), Unavailable> {
        let connection = self.link.generation();
        if self.known.load(Ordering::Acquire) != connection {
            self.begin_epoch_if(false).await?;
            self.known.store(connection, Ordering::Release);
        }
        Ok(())
    }

    /// Begins an epoch, in which no subject is trusted before it is restored.
    pub async fn begin_epoch(&self) -> Result<(), Unavailable> {
        self.begin_epoch_if(true).await.map(drop)
    }

    /// Returns the epoch.
    pub(super) async fn begin_epoch_if(&self, in_any_case: bool) -> Result<i64, Unavailable> {
        let mut call = self.scripts.begin_epoch.key(&self.scripts.epoch);
        call.arg(u8::from(in_any_case));
        self.link.script(&call).await
    }
}
