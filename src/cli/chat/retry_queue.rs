//! Retries of messages that the service's own limits refuse: a suite sends more in a minute than a person does. One
//! message retries at a time, in order; concurrent retries would only take turns at being refused.

use std::time::Duration;

use tokio::{
    sync::Mutex,
    time::{Instant, sleep_until},
};

use super::{Failure, Target, turn::Turn};
use crate::app::TurnRequest;

/// The longest wait without a deadline; a rule per day or month may demand one of weeks.
const LONGEST_WAIT: Duration = Duration::from_secs(300);

pub(super) struct RetryQueue {
    /// Held by the message that retries; tokio's lock is fair.
    queue: Mutex<()>,
    /// The deadline, after which no message retries.
    due: Option<Instant>,
}

impl RetryQueue {
    pub(super) fn until(due: Option<Instant>) -> Self {
        Self { queue: Mutex::new(()), due }
    }

    /// Sends a message, waiting for limits; returns its turn and the time of sending. Errors: the refusal, if waiting
    /// does not help or would take too long.
    pub(super) async fn send(&self, place: &Target, ask: &TurnRequest) -> Result<(Turn, Instant), Failure> {
        let mut again = None;
        if self.queue.try_lock().is_ok() {
            match self.attempt(place, ask).await? {
                Sent::Accepted(turn, since) => return Ok((turn, since)),
                Sent::Refused(until) => again = Some(until),
            }
        }
        let _first_in_line = self.queue.lock().await;
        loop {
            if let Some(until) = again {
                sleep_until(until).await;
            }
            match self.attempt(place, ask).await? {
                Sent::Accepted(turn, since) => return Ok((turn, since)),
                Sent::Refused(until) => again = Some(until),
            }
        }
    }

    async fn attempt(&self, place: &Target, ask: &TurnRequest) -> Result<Sent, Failure> {
        let since = Instant::now();
        match place.send(ask.clone()).await {
            Ok(turn) => Ok(Sent::Accepted(turn, since)),
            Err(failure) => self.retry_at(&failure).map(Sent::Refused).ok_or(failure),
        }
    }

    fn retry_at(&self, failure: &Failure) -> Option<Instant> {
        let after = failure.own_limit()?;
        let at = Instant::now() + after;
        let is_in_time = self.due.map_or(after <= LONGEST_WAIT, |due| at < due);
        is_in_time.then_some(at)
    }
}

enum Sent {
    Accepted(Turn, Instant),
    /// When to send again.
    Refused(Instant),
}
