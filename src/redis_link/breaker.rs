//! The state of the circuit breaker: the connection in use, or none. It has no clock and starts nothing.

use std::sync::{Mutex, MutexGuard};

use tokio::sync::watch;
use tracing::{info, warn};

use super::{Away, Connection};

pub(super) struct Breaker {
    state: Mutex<State>,
    up: watch::Sender<bool>,
}

struct State {
    /// Counts the connections, so that a late failure on an old one does not open the breaker on the new one.
    generation: u64,
    /// `None`: the breaker is open.
    connection: Option<Connection>,
}

impl Breaker {
    pub(super) fn closed(connection: Connection) -> Self {
        Self::with(Some(connection))
    }

    pub(super) fn opened(away: &Away) -> Self {
        warn!(reason = %away, "redis is away; trying again about every 500 ms");
        Self::with(None)
    }

    fn with(connection: Option<Connection>) -> Self {
        let up = watch::Sender::new(connection.is_some());
        Self { state: Mutex::new(State { generation: 0, connection }), up }
    }

    pub(super) fn up(&self) -> watch::Receiver<bool> {
        self.up.subscribe()
    }

    /// The connection in use and its generation, to be named in `open`.
    pub(super) fn connection(&self) -> Result<(u64, Connection), Away> {
        let state = self.lock();
        state.connection.clone().map(|connection| (state.generation, connection)).ok_or(Away::Open)
    }

    /// Opens, unless somebody else did so since the failed call began.
    pub(super) fn open(&self, generation: u64, away: &Away) {
        let mut state = self.lock();
        if state.generation == generation && state.connection.take().is_some() {
            // Under the lock, so that `up` and the state change in the same order.
            self.up.send_replace(false);
            warn!(reason = %away, "redis is away; trying again about every 500 ms");
        }
    }

    pub(super) fn close(&self, connection: Connection) {
        let mut state = self.lock();
        state.generation += 1;
        state.connection = Some(connection);
        self.up.send_replace(true);
        info!("redis is back");
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nothing panics while holding this lock")
    }
}
