//! Rate limit for the frames of one socket: a token bucket. Messages have lower limits elsewhere; this one bounds
//! frames that cost no message (pings, refused frames).

use std::time::Instant;

const BURST: f64 = 300.0;
const PER_SECOND: f64 = 50.0;

pub(super) struct FrameRateLimit {
    burst: f64,
    left: f64,
    since: Instant,
}

impl FrameRateLimit {
    pub(super) fn standard() -> Self {
        Self { burst: BURST, left: BURST, since: Instant::now() }
    }

    pub(super) fn unlimited() -> Self {
        Self { burst: f64::INFINITY, left: f64::INFINITY, since: Instant::now() }
    }

    /// Counts a frame that came at `now`; false if it is one too many.
    pub(super) fn takes_one(&mut self, now: Instant) -> bool {
        let refilled = now.saturating_duration_since(self.since).as_secs_f64() * PER_SECOND;
        self.left = (self.left + refilled).min(self.burst) - 1.0;
        self.since = now;
        self.left >= 0.0
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_burst_passes_then_only_the_steady_rate() {
        let mut flood = FrameRateLimit::standard();
        let start = flood.since;
        assert!((0..300).all(|_| flood.takes_one(start)));
        assert!(!flood.takes_one(start));
        let mut flood = FrameRateLimit::standard();
        let every_20_ms = |number: u32| start + Duration::from_millis(20) * number;
        assert!((0..10_000).all(|number| flood.takes_one(every_20_ms(number))));
        let mut flood = FrameRateLimit::unlimited();
        assert!((0..10_000).all(|_| flood.takes_one(start)));
    }
}
