//! Shutdown: announce it, drain what runs, and halt what is left, so that no turn is lost and no client fails.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::lifecycle::Phase;
use crate::app::App;

/// How long interrupted turns may take to store their ends.
const END_TIMEOUT: Duration = Duration::from_secs(5);
/// How long background tasks may take to finish what they have begun.
const BACKGROUND_TIMEOUT: Duration = Duration::from_secs(1);

impl App {
    /// Whether this process is about to end.
    pub fn is_draining(&self) -> bool {
        self.lifecycle.has_reached(Phase::Draining)
    }

    /// Resolves when the process begins to drain.
    pub async fn until_draining(&self) {
        self.lifecycle.until(Phase::Draining).await;
    }

    /// Cancels every turn of this process and waits until their ends are stored.
    pub async fn cancel_all(&self) {
        self.turns.cancel_all();
        self.lifecycle.until_idle(END_TIMEOUT).await;
    }

    /// Announces the end, and goes on for as long as balancers need to notice; gives what is left of
    /// `[server] drain_timeout`.
    pub async fn leave(&self) -> Duration {
        self.lifecycle.enter(Phase::Draining);
        self.release_replica_lease().await;
        let all = self.config.server.drain_timeout;
        let notice = self.lifecycle.readiness_probes.drain_delay(Instant::now()).min(all);
        tokio::time::sleep(notice).await;
        all - notice
    }

    /// Waits for the running turns; what is left after `time` then ends as interrupted, with its partial reply.
    pub async fn drain(self: &Arc<Self>, time: Duration) {
        if !self.lifecycle.until_idle(time).await {
            tracing::warn!(turns = self.turns.count(), "the drain time is over; the running turns are interrupted");
        }
        self.halt().await;
    }

    /// Ends the running turns now, stores what they have, and closes the database.
    pub async fn halt(self: &Arc<Self>) {
        self.lifecycle.enter(Phase::Halted);
        self.lifecycle.until_idle(END_TIMEOUT).await;
        self.lifecycle.until_background_ends(BACKGROUND_TIMEOUT).await;
        self.release_replica_lease().await;
        self.turns.publish_rest().await;
        self.note_key_uses().await;
        self.write_refusals().await;
        Box::pin(self.finish_audit()).await;
        self.store.close().await;
    }
}
