//! How long a call is waited for. Four limits, each with words of its own.
//!
//! `connect` is the HTTP client's. `first_token` ends with the first thing the model puts out, also a thought that is not shown: a
//! model that thinks aloud is alive, and from then on `idle` watches it. Before that `idle` does not count, because a model may think in
//! silence; a ping or an empty first chunk is no token.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::{Failure, FailureKind, Waiting};
use crate::config::Timeouts;

/// A finished reply waits only this long for its usage.
const AFTER_FINISH: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub struct CallTimeouts {
    timeouts: Timeouts,
    /// The turn waits since then, perhaps for a place in a queue.
    since: Instant,
    sent: Instant,
    heard: Instant,
    begun: bool,
    finished: bool,
}

impl CallTimeouts {
    /// From now on: the request is being sent.
    pub fn start(timeouts: Timeouts, since: Instant) -> Self {
        let now = Instant::now();
        Self { timeouts, since, sent: now, heard: now, begun: false, finished: false }
    }

    /// Bytes have come. `begun`: the model has put something out; `finished`: the reply is complete.
    pub fn heard(&mut self, begun: bool, finished: bool) {
        self.heard = Instant::now();
        self.begun = begun;
        self.finished = finished;
    }

    pub async fn wait<T>(&self, future: impl Future<Output = T>) -> Result<T, Failure> {
        let (waiting, until) = self.limit();
        match until {
            Some(until) => timeout_at(until, future).await.map_err(|_| self.timed_out(waiting)),
            None => Ok(future.await),
        }
    }

    /// The limit that comes first. `None`: so far away that no clock can tell.
    fn limit(&self) -> (Waiting, Option<Instant>) {
        let idle = if self.finished { self.timeouts.idle.min(AFTER_FINISH) } else { self.timeouts.idle };
        let (waiting, next) = if self.begun || self.finished {
            (Waiting::Idle, self.heard.checked_add(idle))
        } else {
            (Waiting::FirstToken, self.sent.checked_add(self.timeouts.first_token))
        };
        match (next, self.since.checked_add(self.timeouts.total)) {
            (Some(next), Some(total)) if next <= total => (waiting, Some(next)),
            (next, None) => (waiting, next),
            (_, total) => (Waiting::Total, total),
        }
    }

    pub fn timed_out(&self, waiting: Waiting) -> Failure {
        let told = |limit| humantime::format_duration(limit);
        let detail = match waiting {
            Waiting::Connect => format!("no connection to the provider within {}", told(self.timeouts.connect)),
            Waiting::FirstToken => format!("the provider gave no text within {}", told(self.timeouts.first_token)),
            Waiting::Idle => format!("the provider fell silent for {}", told(self.timeouts.idle)),
            Waiting::Total => format!("the provider did not finish within {}", told(self.timeouts.total)),
        };
        Failure::new(FailureKind::Timeout(waiting), detail)
    }
}
