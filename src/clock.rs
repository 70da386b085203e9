//! Time: whole microseconds, which is what PostgreSQL stores, so that a time read back equals the time written; and its
//! formatting, which happens several times for every turn.

use std::ops::Deref;

use chrono::{DateTime, Datelike, SubsecRound, Timelike, Utc};
use serde::{Serialize, Serializer};

/// The current time, in UTC.
#[expect(clippy::disallowed_methods, reason = "this is the one place that reads the clock")]
pub fn now() -> DateTime<Utc> {
    Utc::now().trunc_subsecs(6)
}

/// A time in RFC 3339.
pub struct Text {
    bytes: [u8; LONGEST],
    length: usize,
}

const LONGEST: usize = "2026-01-02T03:04:05.678901Z".len();
const TO_THE_SECOND: usize = "2026-01-02T03:04:05".len();

impl Text {
    /// Formats with six digits after the second, whatever the time. Only for our own times: years have four digits.
    pub fn to_the_microsecond(at: DateTime<Utc>) -> Self {
        let mut bytes = *b"0000-00-00T00:00:00.000000Z";
        let (date, time) = (at.date_naive(), at.time());
        let parts = [
            (0..4, date.year().unsigned_abs()),
            (5..7, date.month()),
            (8..10, date.day()),
            (11..13, time.hour()),
            (14..16, time.minute()),
            (17..19, time.second()),
            (20..26, time.nanosecond() / 1000 % 1_000_000),
        ];
        for (place, mut number) in parts {
            for digit in bytes[place].iter_mut().rev() {
                *digit += u8::try_from(number % 10).expect("it is a digit");
                number /= 10;
            }
        }
        Self { bytes, length: LONGEST }
    }

    /// Formats with as many digits as needed: none, three or six, as chrono does.
    fn short(at: DateTime<Utc>) -> Self {
        let whole = Self::to_the_microsecond(at);
        let digits = match at.timestamp_subsec_micros() {
            0 => return whole.cut(TO_THE_SECOND),
            micros if micros % 1000 == 0 => 3,
            _ => return whole,
        };
        whole.cut(TO_THE_SECOND + 1 + digits)
    }

    fn cut(mut self, length: usize) -> Self {
        self.bytes[length] = b'Z';
        Self { length: length + 1, ..self }
    }
}

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        str::from_utf8(&self.bytes[..self.length]).expect("it is ASCII")
    }
}

/// For `#[serde(serialize_with)]`: the same text as chrono's own, in a tenth of the time.
pub fn serialize<S: Serializer>(at: &DateTime<Utc>, to: S) -> Result<S::Ok, S::Error> {
    let nanos = at.timestamp_subsec_nanos();
    let is_plain = (0..10_000).contains(&at.year()) && nanos < 1_000_000_000 && nanos.is_multiple_of(1000);
    if is_plain { to.serialize_str(&Text::short(*at)) } else { at.serialize(to) }
}

/// The same for an optional time.
pub fn serialize_option<S: Serializer>(at: &Option<DateTime<Utc>>, to: S) -> Result<S::Ok, S::Error> {
    match at {
        Some(at) => serialize(at, to),
        None => to.serialize_none(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(at: DateTime<Utc>) -> String {
        let mut text = Vec::new();
        serialize(&at, &mut serde_json::Serializer::new(&mut text)).unwrap();
        String::from_utf8(text).unwrap()
    }

    proptest! {
        #[test]
        fn a_time_is_written_as_chrono_writes_it(secs in -100_000_000_000_i64..400_000_000_000, nanos in 0_u32..1_000_000_000, round in 0_u32..4) {
            let at = DateTime::from_timestamp(secs, nanos).unwrap().trunc_subsecs(u16::try_from(3 * round).unwrap());
            prop_assert_eq!(text(at), serde_json::to_string(&at).unwrap());
        }
    }

    #[test]
    fn a_leap_second_is_left_to_chrono() {
        let at = DateTime::from_timestamp(59, 1_500_000_000).unwrap();
        assert_eq!(text(at), serde_json::to_string(&at).unwrap());
    }
}
