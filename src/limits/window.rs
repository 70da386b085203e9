//! Calendar days and months, UTC, as pairs of times.

use chrono::{DateTime, Datelike, Months, NaiveDate, NaiveTime};

use super::rule::Period;

/// Seconds since 1970: the first of the window, and the first after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub start: i64,
    pub end: i64,
}

impl Span {
    pub(super) fn start_us(self) -> i64 {
        self.start * 1_000_000
    }

    pub(super) fn end_us(self) -> i64 {
        self.end * 1_000_000
    }
}

/// The window that `now_us` is in.
pub(super) fn span(period: Period, now_us: i64) -> Span {
    let today = DateTime::from_timestamp_micros(now_us).unwrap_or_default().date_naive();
    let (first, next) = match period {
        Period::Day => (today, today.succ_opt()),
        Period::Month => {
            let first = today.with_day(1).unwrap_or(today);
            (first, first.checked_add_months(Months::new(1)))
        }
    };
    Span { start: seconds(first), end: seconds(next.unwrap_or(NaiveDate::MAX)) }
}

fn seconds(date: NaiveDate) -> i64 {
    date.and_time(NaiveTime::MIN).and_utc().timestamp()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_begin_and_end_at_midnight_utc() {
        let at = |text: &str| DateTime::parse_from_rfc3339(text).unwrap().timestamp();
        let now = at("2024-02-29T23:59:59Z") * 1_000_000 + 999_999;
        let day = Span { start: at("2024-02-29T00:00:00Z"), end: at("2024-03-01T00:00:00Z") };
        assert_eq!(span(Period::Day, now), day);
        assert_eq!(span(Period::Month, now), Span { start: at("2024-02-01T00:00:00Z"), ..day });
        let december = Span { start: at("2026-12-01T00:00:00Z"), end: at("2027-01-01T00:00:00Z") };
        assert_eq!(span(Period::Month, december.start * 1_000_000), december);
    }
}
