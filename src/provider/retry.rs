//! Retry delays: exponential backoff with full jitter (Brooker, "Exponential Backoff And Jitter", AWS 2015), on top of
//! what the provider itself asks for. Pure: time and randomness come in as arguments.

use std::time::{Duration, SystemTime};

use reqwest::header::HeaderMap;

use super::Failure;

/// The most calls one turn makes.
pub const MAX_ATTEMPTS: u32 = 3;

const FIRST: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(8);
/// The longest wait before the first text: a provider that asks for more is given up at once.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(30);

/// How long to wait after the call number `attempt` (from 1) failed, or `None` to give up. `jitter` is a random number
/// from 0 to 1.
///
/// For use only before the first visible text: after it, another call would give another text.
pub fn retry_delay(attempt: u32, failure: &Failure, jitter: f64) -> Option<Duration> {
    if is_last_attempt(attempt) || !failure.kind.is_retryable() {
        return None;
    }
    let asked = failure.retry_after.unwrap_or_default();
    if asked > MAX_RETRY_AFTER {
        return None;
    }
    let most = FIRST.saturating_mul(1 << attempt.saturating_sub(1)).min(LONGEST);
    let jitter = if jitter.is_finite() { jitter.clamp(0.0, 1.0) } else { 1.0 };
    Some(asked + most.mul_f64(jitter))
}

/// Whether no call may follow this one.
pub fn is_last_attempt(attempt: u32) -> bool {
    attempt >= MAX_ATTEMPTS
}

/// OpenAI's and Azure's headers for milliseconds. They are more exact than `Retry-After`, which stands beside them.
const IN_MILLIS: [&str; 2] = ["retry-after-ms", "x-ms-retry-after-ms"];
/// LiteLLM's prefix of its upstream's headers.
const PASSED_ON: &str = "llm_provider-";

/// The retry delay that a response's headers ask for.
pub(super) fn asked_for(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let value = |name: &str| {
        let passed_on = || headers.get(format!("{PASSED_ON}{name}"));
        headers.get(name).or_else(passed_on).and_then(|value| value.to_str().ok())
    };
    let millis = IN_MILLIS.into_iter().filter_map(value).find_map(|value| amount(value.trim()));
    let exact = millis.and_then(|millis| Duration::try_from_secs_f64(millis / 1000.0).ok());
    exact.or_else(|| retry_after(value("retry-after")?, now))
}

/// Parses a `Retry-After` header: seconds, or an HTTP date (RFC 9110, 10.2.3). A date that has passed means now. Some
/// servers send fractions of seconds, or a unit.
fn retry_after(value: &str, now: SystemTime) -> Option<Duration> {
    let value = value.trim();
    let (number, unit) = match value.strip_suffix("ms") {
        Some(number) => (number, 1000.0),
        None => (value.strip_suffix('s').unwrap_or(value), 1.0),
    };
    if let Some(number) = amount(number.trim_end()) {
        return Some(Duration::from_secs_f64((number / unit).min(u32::MAX.into())));
    }
    let date = httpdate::parse_http_date(value).ok()?;
    Some(date.duration_since(now).unwrap_or_default())
}

/// Parses digits, with a fraction or without: not all that Rust reads as a number.
fn amount(text: &str) -> Option<f64> {
    let is_plain = text.starts_with(|first: char| first.is_ascii_digit())
        && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    is_plain.then(|| text.parse().ok())?
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
    fn retry_after_is_a_minimum_a_long_one_ends_retrying() {
        assert_eq!(retry_delay(1, &failed(FailureKind::RateLimited, Some(7)), 0.0), Some(Duration::from_secs(7)));
        assert_eq!(retry_delay(1, &failed(FailureKind::RateLimited, Some(30)), 0.0), Some(Duration::from_secs(30)));
        assert_eq!(retry_delay(1, &failed(FailureKind::RateLimited, Some(31)), 0.0), None);
    }

    #[test]
    fn retry_after_is_read_in_both_forms() {
        let now = httpdate::parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT").unwrap();
        for (value, seconds) in [
            ("0", Some(0)),
            (" 12 ", Some(12_000)),
            ("2.5", Some(2_500)),
            ("0.25", Some(250)),
            ("2.5s", Some(2_500)),
            ("12 s", Some(12_000)),
            ("2500ms", Some(2_500)),
            ("99999999999999999999", Some(u64::from(u32::MAX) * 1000)),
            ("Sun, 06 Nov 1994 08:49:47 GMT", Some(10_000)),
            ("Sun, 06 Nov 1994 08:49:30 GMT", Some(0)),
            ("-1", None),
            ("-1.5", None),
            ("1e3", None),
            ("inf", None),
            ("NaN", None),
            (".", None),
            ("1.2.3", None),
            ("", None),
            ("soon", None),
        ] {
            assert_eq!(retry_after(value, now), seconds.map(Duration::from_millis), "{value}");
        }
    }

    #[test]
    fn every_header_that_asks_for_time_is_heard() {
        for (headers, millis) in [
            (&[("retry-after", "2.5")][..], Some(2_500)),
            (&[("retry-after-ms", "2500")], Some(2_500)),
            (&[("x-ms-retry-after-ms", "2500.5")], Some(2_500)),
            (&[("retry-after", "3"), ("retry-after-ms", "2500")], Some(2_500)),
            (&[("retry-after", "3"), ("retry-after-ms", "soon")], Some(3_000)),
            (&[("llm_provider-retry-after", "3")], Some(3_000)),
            (&[("llm_provider-retry-after-ms", "1200")], Some(1_200)),
            (&[("x-ratelimit-reset-requests", "3")], None),
            (&[], None),
        ] {
            let map: HeaderMap =
                headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
            let asked = asked_for(&map, SystemTime::UNIX_EPOCH).map(|asked| asked.as_millis());
            assert_eq!(asked, millis, "{headers:?}");
        }
    }

    proptest! {
        #[test]
        fn a_delay_is_never_past_reason(attempt in 0u32..6, kind in 0..ALL.len(), asked in proptest::option::of(0u64..100), jitter in any::<f64>()) {
            let failure = failed(ALL[kind], asked);
            if let Some(delay) = retry_delay(attempt, &failure, jitter) {
                prop_assert!(ALL[kind].is_retryable() && attempt < MAX_ATTEMPTS);
                prop_assert!(delay >= Duration::from_secs(asked.unwrap_or(0)) && delay <= MAX_RETRY_AFTER + LONGEST);
            }
        }
    }
}
