//! Reconciliation of orphaned reservations. A turn is charged once its end is stored; a process that dies in between, or
//! cannot reach the counters just then, leaves a reservation that counts against the user until its window ends, and a use
//! that is not charged. Any replica finds it and settles it by what the attempts of the turn say. Settling twice changes
//! nothing.

use std::{sync::Arc, time::Duration};

use super::{Backend, Counters, Result};
use crate::{
    limits::{Actual, OrphanedReservation, Rule},
    model::{LEASE, TurnId},
};

/// Before a turn that still runs is looked at again, by any replica.
const LOOK_AGAIN: Duration = Duration::from_secs(5);
/// A turn that is not stored so long after its reservation never will be, however long its process stood still in between.
const NEVER_BEGUN_AFTER: Duration = Duration::from_secs(60);

impl Counters {
    /// Makes the settlements that this process still owes, and settles what other processes have left under these rules. What
    /// belongs to a backend that is unavailable waits for the next time.
    pub async fn reconcile(&self, rules: &[Arc<Rule>]) {
        for (taken, actual) in self.pending.take() {
            if self.settle_in(taken.backend, &taken.request, actual).await.is_err() {
                self.pending.add(&taken, actual);
            }
        }
        if !rules.iter().any(|rule| rule.kind.is_quota()) {
            return;
        }
        if let Some(redis) = &self.redis
            && let Ok(found) = redis.orphaned_reservations(LOOK_AGAIN).await
        {
            self.settle_orphans(rules, found, Backend::Redis).await.ok();
        }
        if let Ok(rows) = self.store.reservations(self.store.now().timestamp_micros()).await {
            let lease_ago = self.store.now() - LEASE;
            let mut found = OrphanedReservation::among(rows);
            // Younger ones have their owner, or will be found when their lease is over.
            found.retain(|one| one.turn.made_at().is_some_and(|made| made < lease_ago));
            self.settle_orphans(rules, found, Backend::Database).await.ok();
        }
    }

    async fn settle_orphans(
        &self,
        rules: &[Arc<Rule>],
        found: Vec<OrphanedReservation>,
        backend: Backend,
    ) -> Result<()> {
        let turns: Vec<TurnId> = found.iter().map(|one| one.turn).collect();
        if turns.is_empty() {
            return Ok(());
        }
        let used = self.store.used(&turns).await?;
        let long_ago = self.store.now() - NEVER_BEGUN_AFTER;
        for one in found {
            let actual = match used.get(&one.turn) {
                Some(used) if !used.has_ended => continue,
                Some(used) => Actual { tokens: used.tokens.unsigned_abs(), cost: used.cost.unsigned_abs() },
                // It was reserved for a turn that never began, or may still begin.
                None if one.turn.made_at().is_some_and(|made| made > long_ago) => continue,
                None => Actual::default(),
            };
            let request = Arc::new(one.to_settle(rules));
            self.settle_in(backend, &request, actual).await?;
            if let (Backend::Redis, Some(redis)) = (backend, &self.redis) {
                redis.remove_settled(&one).await?;
            }
            tracing::info!(turn_id = %one.turn, tokens = actual.tokens, "a reservation that was left is settled");
        }
        Ok(())
    }
}
