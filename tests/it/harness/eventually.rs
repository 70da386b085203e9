//! Polling until a condition holds, instead of sleeping.

use std::time::{Duration, Instant};

/// Generous, because it only costs time when a test fails.
const DEADLINE: Duration = Duration::from_secs(30);

/// Looks until there is something to see. `what` completes "waited in vain for …".
pub async fn eventually<T>(what: &str, look: impl AsyncFnMut() -> Option<T>) -> T {
    within(DEADLINE, what, look).await
}

/// The same with a deadline that is part of the claim.
pub async fn within<T>(limit: Duration, what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        // The last look begins after the deadline, so that a slow machine cannot skip it.
        let last = start.elapsed() >= limit;
        if let Some(seen) = look().await {
            return seen;
        }
        assert!(!last, "waited {limit:?} in vain for {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
