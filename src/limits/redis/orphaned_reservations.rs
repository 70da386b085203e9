//! Orphaned reservations in Redis.

use std::time::Duration;

use super::{RedisCounters, micros};
use crate::{limits::OrphanedReservation, redis::Unavailable};

/// The most that are read at once.
const MAX_ORPHANS_READ: usize = 100;

impl RedisCounters {
    /// Turns with reservations not settled for the length of a lease. They are hidden from other replicas for some
    /// time, and listed again after it unless they are settled.
    pub async fn orphaned_reservations(
        &self,
        leave_alone_for: Duration,
    ) -> Result<Vec<OrphanedReservation>, Unavailable> {
        let mut call = self.scripts.orphaned_reservations.prepare_invoke();
        call.key(&self.scripts.to_settle).arg(micros(leave_alone_for)).arg(MAX_ORPHANS_READ);
        let entries: Vec<String> = self.link.script(&call).await?;
        Ok(entries.iter().filter_map(|entry| OrphanedReservation::from_note(entry)).collect())
    }

    /// Removes a settled one from the list.
    pub async fn remove_settled(&self, one: &OrphanedReservation) -> Result<(), Unavailable> {
        let mut remove = redis::cmd("ZREM");
        remove.arg(&self.scripts.to_settle).arg(one.entry());
        self.link.run(async |mut connection| remove.query_async(&mut connection).await).await
    }
}
