//! Periodic tasks of the service: renewing the leases of this process, ending orphaned turns, and keeping gauges and
//! tables tidy. A turn that goes well needs none of them.

use std::{sync::Arc, time::Duration};

use super::replica_lease;
use crate::{
    app::{App, identity::revocations::KEPT_ROWS_FOR, turn::cancel},
    limits,
};

const RENEW_EVERY: Duration = Duration::from_secs(10);
/// How often drafts that are due are stored; `live::Running` says when one is.
const DRAFT_EVERY: Duration = Duration::from_millis(250);
const SWEEP_EVERY: Duration = Duration::from_secs(2);
const NOTE_USES_EVERY: Duration = Duration::from_secs(2);
const REMOVE_DELETED_EVERY: Duration = Duration::from_secs(2);
const WRITE_REFUSALS_EVERY: Duration = Duration::from_secs(1);
/// Quartz drifts by milliseconds within that.
const READ_CLOCK_EVERY: Duration = Duration::from_secs(10);
/// How soon a replica sees that another counts in the database.
const FOLLOW_FALLBACKS_EVERY: Duration = Duration::from_millis(200);
const TIDY_EVERY: Duration = Duration::from_secs(60);
/// How long an expired session can still be looked at.
const KEPT_AFTER_EXPIRY: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// How long an expired override is kept: until it has expired by every clock.
const KEPT_AFTER_END: Duration = Duration::from_secs(24 * 60 * 60);

impl App {
    /// Keeps renewing the leases and drafts of this process's turns, and polls for cancel requests. Every process that
    /// runs a turn needs it.
    pub fn keep_leases(self: &Arc<Self>) {
        self.every(RENEW_EVERY, async |app| app.renew_leases().await);
        self.every(cancel::CANCEL_POLL_INTERVAL, async |app| app.apply_cancel_requests().await);
        self.every(DRAFT_EVERY, async |app| app.write_drafts().await);
        self.every(FOLLOW_FALLBACKS_EVERY, async |app| app.limits.follow_fallbacks().await);
        let app = Arc::clone(self);
        self.lifecycle.spawn_background(async move { app.turns.publish_loop().await });
    }

    /// Starts all periodic tasks; they end with the process.
    pub fn start_maintenance(self: &Arc<Self>) {
        self.keep_leases();
        self.every(SWEEP_EVERY, async |app| app.sweep_turns().await);
        self.every(SWEEP_EVERY, async |app| app.limits.reconcile().await);
        self.every(READ_CLOCK_EVERY, async |app| drop(app.store.read_clock().await));
        self.every(TIDY_EVERY, async |app| app.tidy().await);
        self.every(REMOVE_DELETED_EVERY, async |app| app.remove_deleted_users().await.unwrap_or_default());
        self.every(replica_lease::RENEW_EVERY, async |app| app.renew_replica_lease().await);
        self.every(NOTE_USES_EVERY, async |app| app.note_key_uses().await);
        self.every(WRITE_REFUSALS_EVERY, async |app| app.write_refusals().await);
        self.lifecycle.spawn_background(Arc::clone(self).follow_revocations());
        if let Some(mut up) = self.redis.as_ref().map(crate::redis::RedisLink::up) {
            let app = Arc::clone(self);
            self.lifecycle.spawn_background(async move {
                loop {
                    app.metrics.set_redis_up(*up.borrow_and_update());
                    if up.changed().await.is_err() {
                        return;
                    }
                }
            });
        }
    }

    fn every<F>(self: &Arc<Self>, period: Duration, task: impl Fn(Arc<Self>) -> F + Send + 'static)
    where
        F: Future<Output = ()> + Send,
    {
        let app = Arc::clone(self);
        self.lifecycle.spawn_periodic(period, move || task(Arc::clone(&app)));
    }

    async fn renew_leases(&self) {
        if self.turns.count() == 0 {
            return;
        }
        if let Err(error) = self.renew_turns().await {
            tracing::warn!(%error, "the leases of the running turns could not be renewed");
        }
        self.limits.renew().await;
        self.turns.renew_notes().await;
    }

    /// Removes expired rows. While the database is unavailable it can wait.
    async fn tidy(&self) {
        self.record_refusals().await;
        self.sweep_keys().await;
        self.sweep_login_addresses().await;
        let now = self.store.now();
        self.store.sweep_counters(now.timestamp_micros()).await.ok();
        self.store.sweep_violations(now.timestamp_micros()).await.ok();
        self.store.sweep_refusals(now.timestamp_micros()).await.ok();
        let no_window_reaches = now - limits::LONGEST_WINDOW;
        self.store.forget_addresses(no_window_reaches).await.ok();
        self.store.sweep_resets(no_window_reaches).await.ok();
        self.store.sweep_fallbacks(now - KEPT_AFTER_END).await.ok();
        self.store.sweep_overrides(now - KEPT_AFTER_END).await.ok();
        self.store.sweep_sessions(now - KEPT_AFTER_EXPIRY).await.ok();
        self.store.add_daily_totals(now).await.ok();
        self.store.sweep_revocations(now - KEPT_ROWS_FOR).await.ok();
    }
}
