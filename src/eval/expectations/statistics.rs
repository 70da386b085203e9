//! Statistics of many replies.

use std::time::Duration;

/// The nearest-rank percentile: the smallest of the times that at least `percent` % do not exceed; `None` of none.
pub fn percentile(times: &[Duration], percent: usize) -> Option<Duration> {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_one_of_the_times() {
        let times: Vec<Duration> = (1..=20).rev().map(Duration::from_millis).collect();
        for (percent, millis) in [(50, 10), (95, 19), (100, 20), (0, 1)] {
            assert_eq!(percentile(&times, percent), Some(Duration::from_millis(millis)), "{percent}");
        }
        assert_eq!(percentile(&times[..1], 50), Some(Duration::from_millis(20)));
        assert_eq!(percentile(&[], 50), None);
    }
}
