//! The circuit breaker's state: the connection in use, or none. It has no clock and starts no task.

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::watch;
use tracing::{info, warn};

use super::{Connection, Unavailable};

pub(super) struct Breaker {
    state: Mutex<State>,
    up: watch::Sender<bool>,
}

struct State {
    /// Counts the connections, so that a late failure on an old one does not open the breaker on the new one.
    generation: u64,
    /// `Err`: the breaker is open, and why.
    connection: Result<Connection, Unavailable>,
}

impl Breaker {
    pub(super) fn closed(connection: Connection) -> Self {
        Self::with(Ok(connection))
    }

    pub(super) fn opened(away: &Unavailable) -> Self {
        warn!(reason = %away, "redis is away; trying again about every 500 ms");
        Self::with(Err(away.clone()))
    }

    fn with(connection: Result<Connection, Unavailable>) -> Self {
        let up = watch::Sender::new(connection.is_ok());
        Self { state: Mutex::new(State { generation: 0, connection }), up }
    }

    pub(super) fn up(&self) -> watch::Receiver<bool> {
        self.up.subscribe()
    }

    pub(super) fn generation(&self) -> u64 {
        self.lock().generation
    }

    /// The connection in use and its generation, to be named in `open`.
    pub(super) fn connection(&self) -> Result<(u64, Connection), Unavailable> {
        let state = self.lock();
        match &state.connection {
            Ok(connection) => Ok((state.generation, connection.clone())),
            // Callers get only the causes that waiting does not cure.
            Err(denied @ Unavailable::Denied(_)) => Err(denied.clone()),
            Err(_) => Err(Unavailable::Open),
        }
    }

    /// Opens the breaker, unless it has changed since the failed call began.
    pub(super) fn open(&self, generation: u64, away: &Unavailable) {
        let mut state = self.lock();
        if state.generation == generation && state.connection.is_ok() {
            state.connection = Err(away.clone());
            // Under the lock, so that `up` and the state change in the same order.
            self.up.send_replace(false);
            warn!(reason = %away, "redis is away; trying again about every 500 ms");
        }
    }

    /// Records another failed attempt. A refusal by a reachable Redis is logged once, however the outage began.
    pub(super) fn stay_open(&self, away: &Unavailable) {
        let mut state = self.lock();
        let was_denied = matches!(state.connection, Err(Unavailable::Denied(_)));
        if matches!(away, Unavailable::Denied(_)) && !was_denied {
            warn!(reason = %away, "redis is there and refuses what is needed");
        }
        if state.connection.is_err() {
            state.connection = Err(away.clone());
        }
    }

    pub(super) fn close(&self, connection: Connection) {
        let mut state = self.lock();
        state.generation += 1;
        state.connection = Ok(connection);
        self.up.send_replace(true);
        info!("redis is back");
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }
}
