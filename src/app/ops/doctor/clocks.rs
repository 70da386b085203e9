//! Clock skew between machines: leases and expiries are written by one and read by others.

use chrono::{DateTime, TimeDelta, Utc};

use super::Diagnosis;
use crate::clock;

/// More than this is a warning.
const NOTICED: TimeDelta = TimeDelta::seconds(1);
/// More than this is a failure: times that others wrote hold too long or too short.
const HARMFUL: TimeDelta = TimeDelta::seconds(5);

/// How far another clock is ahead of this machine's, at the middle of the round trip.
pub(super) async fn ahead(asked: impl Future<Output = Result<DateTime<Utc>, String>>) -> Result<TimeDelta, String> {
    let before = clock::now();
    let told = asked.await?;
    let middle = before + (clock::now() - before) / 2;
    Ok(told - middle)
}

pub(super) fn verdict(id: &'static str, whose: &str, ahead: TimeDelta) -> Diagnosis {
    let apart = ahead.abs();
    let seconds = apart.as_seconds_f64();
    let way = if ahead < TimeDelta::zero() { "behind" } else { "ahead of" };
    let detail = format!("the clock of {whose} is {seconds:.1} s {way} this machine's");
    let remedy = "have both set their clocks by NTP";
    match apart {
        apart if apart > HARMFUL => Diagnosis::failed(id, detail, remedy),
        apart if apart > NOTICED => Diagnosis::warning(id, detail, remedy),
        _ => {
            Diagnosis::ok(id, format!("the clock of {whose} agrees with this machine's within {:.0} ms", seconds * 1e3))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::ops::doctor::CheckStatus;

    #[test]
    fn clocks_may_differ_a_little() {
        for (millis, status) in [
            (0, CheckStatus::Ok),
            (-900, CheckStatus::Ok),
            (1_500, CheckStatus::Warning),
            (-4_000, CheckStatus::Warning),
            (6_000, CheckStatus::Failed),
            (-3_600_000, CheckStatus::Failed),
        ] {
            assert_eq!(verdict("x", "it", TimeDelta::milliseconds(millis)).status, status, "{millis}");
        }
    }
}
