//! Timeouts of a provider call: four, each with an error text of its own.
//!
//! `connect` is the HTTP client's. `first_token` ends with the model's first output, including reasoning that is not
//! shown; from then on `idle` applies. Before that `idle` does not count, because a model may think in silence; a ping
//! or an empty first chunk is no token.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::{Failure, FailureKind, TimeoutKind};
use crate::config::Timeouts;

/// How long a finished reply waits for its usage.
const AFTER_FINISH: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub struct CallTimeouts {
    timeouts: Timeouts,
    /// When the call began, including the wait in a queue.
    since: Instant,
    sent: Instant,
    heard: Instant,
    begun: bool,
    finished: bool,
}

impl CallTimeouts {
    /// Starts when the request is being sent.
    pub fn start(timeouts: Timeouts, since: Instant) -> Self {
        let now = Instant::now();
        Self { timeouts, since, sent: now, heard: now, begun: false, finished: false }
    }

    /// Records that bytes arrived. `begun`: the model has output something; `finished`: the reply is complete.
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

    /// The timeout that comes first. `None`: beyond what the clock can represent.
    fn limit(&self) -> (TimeoutKind, Option<Instant>) {
        let idle = if self.finished { self.timeouts.idle.min(AFTER_FINISH) } else { self.timeouts.idle };
        let (waiting, next) = if self.begun || self.finished {
            (TimeoutKind::Idle, self.heard.checked_add(idle))
        } else {
            (TimeoutKind::FirstToken, self.sent.checked_add(self.timeouts.first_token))
        };
        match (next, self.since.checked_add(self.timeouts.total)) {
            (Some(next), Some(total)) if next <= total => (waiting, Some(next)),
            (next, None) => (waiting, next),
            (_, total) => (TimeoutKind::Total, total),
        }
    }

    pub fn timed_out(&self, waiting: TimeoutKind) -> Failure {
        let told = |limit| humantime::format_duration(limit);
        let detail = match waiting {
            TimeoutKind::Connect => format!("no connection to the provider within {}", told(self.timeouts.connect)),
            TimeoutKind::FirstToken => format!("the provider gave no text within {}", told(self.timeouts.first_token)),
            TimeoutKind::Idle => format!("the provider fell silent for {}", told(self.timeouts.idle)),
            TimeoutKind::Total => format!("the provider did not finish within {}", told(self.timeouts.total)),
        };
        Failure::new(FailureKind::Timeout(waiting), detail)
    }
}
