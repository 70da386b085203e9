//! Waiting for the service's own limits. A suite asks more than a person does in a minute, so what refuses one of its
//! messages is waited for: by one at a time and in order, because all at once would take turns at being refused.

use std::time::Duration;

use tokio::{
    sync::Mutex,
    time::{Instant, sleep_until},
};

use super::{Failure, Place, turn::Turn};
use crate::app::TurnRequest;

/// The longest wait that is not worth a deadline; a limit per day or month may ask for one of weeks.
const LONGEST_WAIT: Duration = Duration::from_secs(300);

pub(super) struct Admission {
    /// Held by the message that waits; tokio's lock is fair.
    queue: Mutex<()>,
    /// When nothing is waited for any more.
    due: Option<Instant>,
}

impl Admission {
    pub(super) fn until(due: Option<Instant>) -> Self {
        Self { queue: Mutex::new(()), due }
    }

    /// The turn, and when the message that began it was sent. Errors: why it was refused, and waiting does not help or
    /// would take too long.
    pub(super) async fn send(&self, place: &Place, ask: &TurnRequest) -> Result<(Turn, Instant), Failure> {
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

    async fn attempt(&self, place: &Place, ask: &TurnRequest) -> Result<Sent, Failure> {
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
    /// Until when.
    Refused(Instant),
}
