//! The life cycle of this process: its phase, the turns and WebSockets that it waits for, and its background tasks.

use std::time::{Duration, Instant};

use tokio::{
    sync::watch,
    time::{MissedTickBehavior, interval, timeout},
};
use tokio_util::task::TaskTracker;

use super::readiness_probes::ReadinessProbes;

/// How far the process is on its way to its end. It never goes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::app) enum Phase {
    Serving,
    /// The process is about to end: clients should go elsewhere.
    Draining,
    /// Running turns have to end at once, and no new ones are taken.
    Halted,
}

pub(in crate::app) struct Lifecycle {
    phase: watch::Sender<Phase>,
    started_at: Instant,
    turns: TaskTracker,
    /// Apart from the turns, because these are bounded by their number.
    sockets: TaskTracker,
    background: TaskTracker,
    pub(super) readiness_probes: ReadinessProbes,
}

impl Lifecycle {
    pub(super) fn new() -> Self {
        Self {
            phase: watch::Sender::new(Phase::Serving),
            started_at: Instant::now(),
            turns: TaskTracker::new(),
            sockets: TaskTracker::new(),
            background: TaskTracker::new(),
            readiness_probes: ReadinessProbes::default(),
        }
    }

    pub(super) fn uptime(&self) -> Duration {
        self.started_at.elapsed()
    }

    pub(in crate::app) fn has_reached(&self, phase: Phase) -> bool {
        *self.phase.borrow() >= phase
    }

    pub(super) fn enter(&self, phase: Phase) {
        self.phase.send_if_modified(|now| {
            let is_later = *now < phase;
            *now = (*now).max(phase);
            is_later
        });
    }

    /// Resolves when the process has come so far.
    pub(in crate::app) fn until(&self, phase: Phase) -> impl Future<Output = ()> + Send + use<> {
        let mut phases = self.phase.subscribe();
        async move {
            // The sender lives in the app, like the caller; without it the process is past its end.
            phases.wait_for(|now| *now >= phase).await.ok();
        }
    }

    pub(in crate::app) fn is_halted(&self) -> bool {
        self.has_reached(Phase::Halted)
    }

    pub(in crate::app) fn halted(&self) -> impl Future<Output = ()> + Send + use<> {
        self.until(Phase::Halted)
    }

    /// Runs a turn. The process ends after it, or once it is interrupted.
    pub(in crate::app) fn spawn_turn(&self, turn: impl Future<Output = ()> + Send + 'static) {
        self.turns.spawn(turn);
    }

    pub(in crate::app) fn running_turns(&self) -> usize {
        self.turns.len()
    }

    /// Runs a WebSocket's task, which the process waits for before it ends.
    pub(in crate::app) fn spawn_socket(&self, socket: impl Future<Output = ()> + Send + 'static) {
        self.sockets.spawn(socket);
    }

    /// Runs a task until it ends or the process halts.
    pub(in crate::app) fn spawn_background(&self, task: impl Future<Output = ()> + Send + 'static) {
        let halted = self.halted();
        self.background.spawn(async move {
            tokio::select! {
                () = task => {}
                () = halted => {}
            }
        });
    }

    /// Runs a task again and again until the process halts; one that has begun is not cut short.
    pub(super) fn spawn_periodic<F>(&self, period: Duration, task: impl Fn() -> F + Send + 'static)
    where
        F: Future<Output = ()> + Send,
    {
        let halted = self.halted();
        self.background.spawn(async move {
            let mut halted = std::pin::pin!(halted);
            let mut ticks = interval(period);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                tokio::select! {
                    _ = ticks.tick() => task().await,
                    () = &mut halted => return,
                }
            }
        });
    }

    /// Waits for the running turns and the WebSockets, at most for `time`. Gives whether all of them have ended.
    pub(super) async fn until_idle(&self, time: Duration) -> bool {
        self.turns.close();
        self.sockets.close();
        let all = async { tokio::join!(self.turns.wait(), self.sockets.wait()) };
        timeout(time, all).await.is_ok()
    }

    /// Waits for the background tasks, which end once the process is halted.
    pub(super) async fn until_background_ends(&self, time: Duration) {
        self.background.close();
        timeout(time, self.background.wait()).await.ok();
    }
}
