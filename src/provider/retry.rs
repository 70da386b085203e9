//! When to ask again: exponential backoff with full jitter (Brooker, "Exponential Backoff And Jitter", AWS 2015), under what the
//! provider itself asks for. Pure: time and chance come in as arguments.

use std::time::{Duration, SystemTime};

use super::Failure;

/// The most calls one turn makes.
pub const MAX_ATTEMPTS: u32 = 3;

const FIRST: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(8);
/// Nobody waits longer in front of an empty reply: a provider that asks for more is given up at once.
const MOST_PATIENT: Duration = Duration::from_secs(30);

/// How long to wait after the call number `attempt` (from 1) failed, or `None` to give up. `jitter` is a random number from 0 to 1.
///
/// For use only before the first visible text: after it, another call would say something else.
pub fn retry_delay(attempt: u32, failure: &Failure, jitter: f64) -> Option<Duration> {
    if attempt >= MAX_ATTEMPTS || !failure.kind.is_retryable() {
        return None;
    }
    let asked = failure.retry_after.unwrap_or_default();
    if asked > MOST_PATIENT {
        return None;
    }
    let most = FIRST.saturating_mul(1 << attempt.saturating_sub(1)).min(LONGEST);
    let jitter = if jitter.is_finite() { jitter.clamp(0.0, 1.0) } else { 1.0 };
    Some(asked + most.mul_f64(jitter))
}

/// The value of a `Retry-After` header: seconds, or an HTTP date (RFC 9110, 10.2.3). A date that has passed means now.
pub(super) fn retry_after(value: &str, now: SystemTime) -> Option<Duration> {
    let value = value.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(Duration::from_secs(value.parse().unwrap_or(u32::MAX.into())));
    }
    let date = httpdate::parse_http_date(value).ok()?;
    Some(date.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{
        super::{FailureKind, failure::tests::ALL},
        *,
    };

    fn failed(kind: FailureKind, retry_after: Option<u64>) -> Failure {
        Failure { retry_after: retry_after.map(Duration::from_secs), ..Failure::new(kind, "x") }
    }

    #[test]
    fn there_are_at_most_three_attempts() {
        let failure = failed(FailureKind::Unavailable, None);
        assert_eq!(retry_delay(1, &failure, 1.0), Some(Duration::from_millis(500)));
        assert_eq!(retry_delay(2, &failure, 1.0), Some(Duration::from_secs(1)));
        assert_eq!(retry_delay(3, &failure, 1.0), None);
        assert_eq!(retry_delay(u32::MAX, &failure, 1.0), None);
    }

    #[test]
    fn the_providers_own_wish_is_a_minimum_and_a_long_one_ends_it() {
        assert_eq!(retry_delay(1, &failed(FailureKind::RateLimited, Some(7)), 0.0), Some(Duration::from_secs(7)));
        assert_eq!(retry_delay(1, &failed(FailureKind::RateLimited, Some(30)), 0.0), Some(Duration::from_secs(30)));
        assert_eq!(retry_delay(1, &failed(FailureKind::RateLimited, Some(31)), 0.0), None);
    }

    #[test]
    fn retry_after_is_read_in_both_forms() {
        let now = httpdate::parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT").unwrap();
        for (value, seconds) in [
            ("0", Some(0)),
            (" 12 ", Some(12)),
            ("99999999999999999999", Some(u64::from(u32::MAX))),
            ("Sun, 06 Nov 1994 08:49:47 GMT", Some(10)),
            ("Sun, 06 Nov 1994 08:49:30 GMT", Some(0)),
            ("-1", None),
            ("1.5", None),
            ("", None),
            ("soon", None),
        ] {
            assert_eq!(retry_after(value, now), seconds.map(Duration::from_secs), "{value}");
        }
    }

    proptest! {
        #[test]
        fn a_delay_is_never_past_reason(attempt in 0u32..6, kind in 0..ALL.len(), asked in proptest::option::of(0u64..100), jitter in any::<f64>()) {
            let failure = failed(ALL[kind], asked);
            if let Some(delay) = retry_delay(attempt, &failure, jitter) {
                prop_assert!(ALL[kind].is_retryable() && attempt < MAX_ATTEMPTS);
                prop_assert!(delay >= Duration::from_secs(asked.unwrap_or(0)) && delay <= MOST_PATIENT + LONGEST);
            }
        }
    }
}
