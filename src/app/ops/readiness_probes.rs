//! Who asks whether this process is ready, and how often. Before it stops to take requests, they have to have heard that
//! it is not: until then they send more, and whoever is turned away was failed by a restart.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Mutex, MutexGuard},
    time::{Duration, Instant},
};

/// How often most balancers ask in vain before they believe it.
const TIMES: u32 = 3;
/// For the answer's way, and for what is sent meanwhile.
const MARGIN: Duration = Duration::from_millis(200);
/// Who asks so seldom does not direct requests by it.
const LONGEST: Duration = Duration::from_secs(10);
/// More addresses are not told apart.
const MOST: usize = 256;

#[derive(Default)]
pub(in crate::app) struct Balancers(Mutex<HashMap<Option<IpAddr>, Asked>>);

struct Asked {
    last: Instant,
    /// Between the last questions. Two, because two may ask from one address by turns.
    gaps: [Option<Duration>; 2],
}

impl Asked {
    fn period(&self) -> Option<Duration> {
        self.gaps.iter().flatten().max().copied()
    }

    fn goes_on(&self, now: Instant) -> bool {
        self.period().is_some_and(|period| now - self.last < period * 2 + MARGIN)
    }
}

impl Balancers {
    pub(in crate::app) fn asks(&self, address: Option<IpAddr>, now: Instant) {
        let mut all = self.all();
        if let Some(asked) = all.get_mut(&address) {
            asked.gaps = [Some(now - asked.last), asked.gaps[0]];
            asked.last = now;
        } else if all.len() < MOST {
            all.insert(address, Asked { last: now, gaps: [None; 2] });
        }
    }

    /// How long it takes until all that keep asking have heard an answer often enough.
    pub(in crate::app) fn time_to_hear(&self, now: Instant) -> Duration {
        let all = self.all();
        let asking = all.values().filter(|asked| asked.goes_on(now)).filter_map(Asked::period);
        asking.max().map_or(Duration::ZERO, |period| (period * TIMES + MARGIN).min(LONGEST))
    }

    fn all(&self) -> MutexGuard<'_, HashMap<Option<IpAddr>, Asked>> {
        self.0.lock().expect("nobody panics while holding it")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_keeps_asking_is_waited_for_and_nobody_else() {
        let balancers = Balancers::default();
        let (begin, second) = (Instant::now(), Duration::from_secs(1));
        let address = |last: u8| Some(IpAddr::from([10, 0, 0, last]));
        assert_eq!(balancers.time_to_hear(begin), Duration::ZERO);
        balancers.asks(address(1), begin);
        assert_eq!(balancers.time_to_hear(begin), Duration::ZERO, "once is not again and again");
        balancers.asks(address(1), begin + second);
        let now = begin + second * 2;
        assert_eq!(balancers.time_to_hear(now), second * 3 + MARGIN);
        for tenth in 0..10 {
            balancers.asks(address(2), now + second / 10 * tenth);
        }
        assert_eq!(balancers.time_to_hear(now + second), second * 3 + MARGIN, "the slower one counts");
        assert_eq!(balancers.time_to_hear(now + second * 3), Duration::ZERO, "they have stopped asking");
    }

    #[test]
    fn two_at_one_address_are_told_by_the_longer_gap() {
        let balancers = Balancers::default();
        let begin = Instant::now();
        for (place, after) in [0, 100, 1000, 1100, 2000, 2100].into_iter().enumerate() {
            let now = begin + Duration::from_millis(after);
            balancers.asks(None, now);
            if place > 1 {
                assert_eq!(balancers.time_to_hear(now), Duration::from_millis(900) * TIMES + MARGIN);
            }
        }
    }
}
