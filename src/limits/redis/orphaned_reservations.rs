//! Finding in Redis what is still to be settled.

use std::time::Duration;

use super::{RedisCounters, micros};
use crate::{limits::OrphanedReservation, redis::Unavailable};

/// How many are told at once.
const MAX_ORPHANS_READ: usize = 100;

impl RedisCounters {
    /// Turns that have reserved and were not settled for the length of a lease. Nobody else is told of them for some time,
    /// and after that again unless they are settled.
    pub async fn orphaned_reservations(
        &self,
        leave_alone_for: Duration,
    ) -> Result<Vec<OrphanedReservation>, Unavailable> {
        let mut call = self.scripts.orphaned_reservations.prepare_invoke();
        call.key(&self.scripts.to_settle).arg(micros(leave_alone_for)).arg(MAX_ORPHANS_READ);
        let entries: Vec<String> = self.link.script(&call).await?;
        Ok(entries.iter().filter_map(|entry| OrphanedReservation::noted(entry)).collect())
    }

    /// It need not be looked for any more.
    pub async fn is_settled(&self, one: &OrphanedReservation) -> Result<(), Unavailable> {
        let mut remove = redis::cmd("ZREM");
        remove.arg(&self.scripts.to_settle).arg(one.entry());
        self.link.run(async |mut connection| remove.query_async(&mut connection).await).await
    }
}
