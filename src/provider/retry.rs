//! When to ask again.

use std::time::Duration;

use super::Failure;

const MAX_ATTEMPTS: u32 = 3;
const BASE: Duration = Duration::from_millis(500);
/// Whoever asks for more patience than this gets none: the user is waiting.
const MAX_PATIENCE: Duration = Duration::from_secs(30);

/// How long to wait before the next attempt; `None`: there is none. `attempt` is the one that failed, from 1; `jitter` is
/// from 0 to 1. Exponential backoff with full jitter, unless the provider named a time.
pub fn retry_delay(attempt: u32, failure: &Failure, jitter: f64) -> Option<Duration> {
    if attempt >= MAX_ATTEMPTS || !failure.kind.is_retryable() {
        return None;
    }
    match failure.retry_after {
        Some(asked) if asked > MAX_PATIENCE => None,
        // A little later than asked, so that not all who were told the same come back together.
        Some(asked) => Some(asked + BASE.mul_f64(jitter * 0.2)),
        None => Some(BASE.mul_f64(f64::from(2_u32.pow(attempt - 1)) * jitter)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::FailureKind;

    #[test]
    fn only_what_may_help_is_tried_again_and_at_most_twice() {
        let unavailable = Failure::new(FailureKind::Unavailable, "");
        assert_eq!(retry_delay(1, &unavailable, 1.0), Some(BASE));
        assert_eq!(retry_delay(2, &unavailable, 1.0), Some(2 * BASE));
        assert_eq!(retry_delay(1, &unavailable, 0.0), Some(Duration::ZERO));
        assert_eq!(retry_delay(3, &unavailable, 1.0), None);
        assert_eq!(retry_delay(1, &Failure::new(FailureKind::Auth, ""), 1.0), None);
    }

    #[test]
    fn the_providers_own_time_is_kept_unless_it_is_too_long() {
        let asks = |secs| Failure {
            retry_after: Some(Duration::from_secs(secs)),
            ..Failure::new(FailureKind::RateLimited, "")
        };
        assert!(retry_delay(1, &asks(2), 0.5).unwrap() >= Duration::from_secs(2));
        assert_eq!(retry_delay(1, &asks(31), 0.5), None);
    }
}
