//! Readiness probes: which load balancers poll, and how often. A draining process takes requests until they have seen
//! that it is not ready: a restart must not fail the requests they still send.

use std::{
    collections::HashMap,
    net::IpAddr,
    time::{Duration, Instant},
};

use parking_lot::{Mutex, MutexGuard};

/// Failed probes before most load balancers remove a replica.
const FAILURES_BEFORE_REMOVAL: u32 = 3;
/// For the response in flight, and for requests sent meanwhile.
const MARGIN: Duration = Duration::from_millis(200);
/// A prober with a longer interval does not route by it.
const MAX_PROBE_INTERVAL: Duration = Duration::from_secs(10);
/// The most addresses that are tracked.
const MAX_PROBERS: usize = 256;

#[derive(Default)]
pub(in crate::app) struct ReadinessProbes(Mutex<HashMap<Option<IpAddr>, Prober>>);

struct Prober {
    last: Instant,
    /// Between the last probes. Two, because two probers may alternate from one address.
    gaps: [Option<Duration>; 2],
}

impl Prober {
    fn period(&self) -> Option<Duration> {
        self.gaps.iter().flatten().max().copied()
    }

    fn goes_on(&self, now: Instant) -> bool {
        self.period().is_some_and(|period| now - self.last < period * 2 + MARGIN)
    }
}

impl ReadinessProbes {
    pub(in crate::app) fn record(&self, address: Option<IpAddr>, now: Instant) {
        let mut all = self.all();
        if let Some(asked) = all.get_mut(&address) {
            asked.gaps = [Some(now - asked.last), asked.gaps[0]];
            asked.last = now;
        } else if all.len() < MAX_PROBERS {
            all.insert(address, Prober { last: now, gaps: [None; 2] });
        }
    }

    /// How long it takes until all active probers have seen enough failures.
    pub(in crate::app) fn drain_delay(&self, now: Instant) -> Duration {
        let all = self.all();
        let asking = all.values().filter(|asked| asked.goes_on(now)).filter_map(Prober::period);
        asking
            .max()
            .map_or(Duration::ZERO, |period| (period * FAILURES_BEFORE_REMOVAL + MARGIN).min(MAX_PROBE_INTERVAL))
    }

    fn all(&self) -> MutexGuard<'_, HashMap<Option<IpAddr>, Prober>> {
        self.0.lock()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_prober_that_keeps_asking_is_waited_for() {
        let readiness_probes = ReadinessProbes::default();
        let (begin, second) = (Instant::now(), Duration::from_secs(1));
        let address = |last: u8| Some(IpAddr::from([10, 0, 0, last]));
        assert_eq!(readiness_probes.drain_delay(begin), Duration::ZERO);
        readiness_probes.record(address(1), begin);
        assert_eq!(readiness_probes.drain_delay(begin), Duration::ZERO, "once is not again and again");
        readiness_probes.record(address(1), begin + second);
        let now = begin + second * 2;
        assert_eq!(readiness_probes.drain_delay(now), second * 3 + MARGIN);
        for tenth in 0..10 {
            readiness_probes.record(address(2), now + second / 10 * tenth);
        }
        assert_eq!(readiness_probes.drain_delay(now + second), second * 3 + MARGIN, "the slower one counts");
        assert_eq!(readiness_probes.drain_delay(now + second * 3), Duration::ZERO, "they have stopped asking");
    }

    #[test]
    fn two_at_one_address_are_told_by_the_longer_gap() {
        let readiness_probes = ReadinessProbes::default();
        let begin = Instant::now();
        for (place, after) in [0, 100, 1000, 1100, 2000, 2100].into_iter().enumerate() {
            let now = begin + Duration::from_millis(after);
            readiness_probes.record(None, now);
            if place > 1 {
                assert_eq!(
                    readiness_probes.drain_delay(now),
                    Duration::from_millis(900) * FAILURES_BEFORE_REMOVAL + MARGIN
                );
            }
        }
    }
}
