//! Concurrency bound of the calls to one provider in this process, for servers that handle one or a few at a time:
//! others wait in the order in which they came.

#![cfg_attr(test, expect(clippy::disallowed_methods, reason = "tests run tasks side by side"))]

use std::time::Duration;

use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::timeout,
};

use super::{Failure, FailureKind};
use crate::{
    config,
    metrics::waits::{Awaited, waiting},
};

#[derive(Debug)]
pub struct Slots {
    /// `None`: there is no bound.
    free: Option<Semaphore>,
    max: usize,
    timeouts: Duration,
}

impl Slots {
    pub fn new(config: &config::Provider) -> Self {
        let max =
            config.max_concurrent.map(|max| usize::try_from(max).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS));
        let timeouts = config.timeouts.queue.min(config.timeouts.total);
        Self { free: max.map(Semaphore::new), max: max.unwrap_or_default(), timeouts }
    }

    #[cfg(test)]
    pub fn unbounded() -> Self {
        Self { free: None, max: 0, timeouts: Duration::ZERO }
    }

    /// Waits for a slot, which is free again when the result is dropped.
    pub async fn take(&self) -> Result<Option<SemaphorePermit<'_>>, Failure> {
        let Some(free) = &self.free else { return Ok(None) };
        if let Ok(slot) = free.try_acquire() {
            return Ok(Some(slot));
        }
        match timeout(self.timeouts, waiting(Awaited::Queue, free.acquire())).await {
            Ok(slot) => Ok(slot.ok()),
            Err(_) => Err(self.busy()),
        }
    }

    fn busy(&self) -> Failure {
        let (max, time) = (self.max, humantime::format_duration(self.timeouts));
        let calls = if max == 1 { "one call".to_owned() } else { format!("{max} calls") };
        let detail = format!("the provider takes {calls} at once, and none ended within {time}; try again later");
        Failure { retry_after: Some(Duration::from_secs(1)), ..Failure::new(FailureKind::Busy, detail) }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn slots(max: usize, timeouts: Duration) -> Arc<Slots> {
        Arc::new(Slots { free: Some(Semaphore::new(max)), max, timeouts })
    }

    #[tokio::test]
    async fn waiting_calls_get_slots_in_order_or_are_told() {
        let slots = slots(1, Duration::from_secs(9));
        let first = slots.take().await.unwrap();
        let (said, mut heard) = tokio::sync::mpsc::unbounded_channel();
        for number in 0..3 {
            let (slots, said) = (slots.clone(), said.clone());
            tokio::spawn(async move {
                let _slot = slots.take().await.unwrap();
                said.send(number).unwrap();
            });
            tokio::task::yield_now().await;
        }
        assert!(heard.try_recv().is_err());
        drop(first);
        for number in 0..3 {
            assert_eq!(heard.recv().await, Some(number));
        }
    }

    #[tokio::test]
    async fn a_wait_has_an_end() {
        let slots = slots(2, Duration::from_millis(10));
        let _held = (slots.take().await.unwrap(), slots.take().await.unwrap());
        let failure = slots.take().await.unwrap_err();
        assert_eq!(failure.kind, FailureKind::Busy);
        assert!(failure.detail.contains("2 calls at once") && failure.detail.contains("10ms"), "{failure}");
    }
}
