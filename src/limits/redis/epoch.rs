//! The epoch of what Redis holds: a number beside the counters, which changes where all of them have to be doubted, because
//! this is another server than the last one, or because the database has counted meanwhile. Each subject is then restored
//! once it is asked for (`restore`). A Redis that is empty has no epoch, and begins one.

use std::sync::atomic::Ordering;

use super::RedisCounters;
use crate::redis::Unavailable;

impl RedisCounters {
    /// On a new connection, which may be one to another server.
    pub(super) async fn look_at_epoch(&self) -> Result<(), Unavailable> {
        let connection = self.link.generation();
        if self.known.load(Ordering::Acquire) != connection {
            self.begin_epoch_if(false).await?;
            self.known.store(connection, Ordering::Release);
        }
        Ok(())
    }

    /// From now on no subject is trusted before it is restored.
    pub async fn begin_epoch(&self) -> Result<(), Unavailable> {
        self.begin_epoch_if(true).await.map(drop)
    }

    /// Gives the epoch.
    pub(super) async fn begin_epoch_if(&self, in_any_case: bool) -> Result<i64, Unavailable> {
        let mut call = self.scripts.begin_epoch.key(&self.scripts.epoch);
        call.arg(u8::from(in_any_case));
        self.link.script(&call).await
    }
}
