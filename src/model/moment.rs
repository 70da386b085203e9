//! A point in time as users write it: a time, the beginning of a day, or a duration ago.

use std::{borrow::Cow, str::FromStr};

use chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta, Utc};
use serde::{Deserialize, Deserializer, de::Error};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        KnownFormat, RefOr,
        schema::{AnyOfBuilder, ObjectBuilder, Schema, SchemaFormat, Type},
    },
};

use super::Invalid;
use crate::clock;

/// A point in time, in UTC.
#[derive(Clone, Copy, Debug)]
pub struct Moment(pub DateTime<Utc>);

impl FromStr for Moment {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let moment = time(text).or_else(|| day(text)).or_else(|| ago(text));
        moment.map(Self).ok_or_else(|| Invalid::new("time", message(text)))
    }
}

fn time(text: &str) -> Option<DateTime<Utc>> {
    Some(DateTime::parse_from_rfc3339(text).ok()?.to_utc())
}

fn day(text: &str) -> Option<DateTime<Utc>> {
    Some(text.parse::<NaiveDate>().ok()?.and_time(NaiveTime::MIN).and_utc())
}

/// Up to three numbers with their units, as `is_duration` checks.
const PATTERN: &str = "^([1-9][0-9]{0,4}[smhdw]){1,3}$";

fn is_duration(text: &str) -> bool {
    let is_part = |part: &str| {
        let number = part.trim_end_matches(['s', 'm', 'h', 'd', 'w']);
        let is_number = number.bytes().all(|byte| byte.is_ascii_digit()) && !number.starts_with('0');
        is_number && (1..=5).contains(&number.len()) && part.len() == number.len() + 1
    };
    let mut parts = text.split_inclusive(['s', 'm', 'h', 'd', 'w']);
    parts.by_ref().take(3).all(is_part) && parts.next().is_none()
}

/// A duration before the present; not before 1970, which databases need not represent.
fn ago(text: &str) -> Option<DateTime<Utc>> {
    if !is_duration(text) {
        return None;
    }
    let long = TimeDelta::from_std(humantime::parse_duration(text).ok()?).ok()?;
    Some(clock::now().checked_sub_signed(long).unwrap_or_default().max(DateTime::UNIX_EPOCH))
}

/// In a URL a `+` means a space, which is what the sign of a zone becomes.
fn message(text: &str) -> &'static str {
    let with_plus = text.rsplit_once(' ').map(|(time, zone)| format!("{time}+{zone}"));
    if with_plus.is_some_and(|text| time(&text).is_some()) {
        return "has a space before its zone: in a URL a `+` is written %2B";
    }
    "must be like 2026-01-31T12:00:00Z, 2026-01-31, or 2h for two hours ago"
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(|error: Invalid| D::Error::custom(error.message))
    }
}

impl PartialSchema for Moment {
    fn schema() -> RefOr<Schema> {
        let text = || ObjectBuilder::new().schema_type(Type::String);
        AnyOfBuilder::new()
            .description(Some("A time, the beginning of a day (UTC), or so long ago."))
            .item(text().format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime))))
            .item(text().format(Some(SchemaFormat::KnownFormat(KnownFormat::Date))))
            .item(text().pattern(Some(PATTERN)))
            .into()
    }
}

impl ToSchema for Moment {
    fn name() -> Cow<'static, str> {
        "Moment".into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_a_time_a_day_or_so_long_ago() {
        for (text, expected) in [
            ("2026-01-31T12:00:00Z", "2026-01-31T12:00:00Z"),
            ("2026-01-31T12:00:00+01:00", "2026-01-31T11:00:00Z"),
            ("2026-01-31", "2026-01-31T00:00:00Z"),
            ("99999w", "1970-01-01T00:00:00Z"),
            ("99999w9d1h", "1970-01-01T00:00:00Z"),
        ] {
            let moment: Moment = text.parse().unwrap();
            assert_eq!(moment.0, expected.parse::<DateTime<Utc>>().unwrap(), "{text}");
        }
        let before = clock::now() - TimeDelta::hours(2);
        let moment: Moment = "2h".parse().unwrap();
        assert!((before..before + TimeDelta::minutes(1)).contains(&moment.0));
        for (wrong, says) in [
            ("yesterday", "2h for two hours ago"),
            ("", "must be"),
            ("0", "must be"),
            ("0h", "must be"),
            ("2", "must be"),
            ("1h2", "must be"),
            ("100000s", "must be"),
            ("1h1h1h1h", "must be"),
            ("2 hours", "must be"),
            ("2026-01-31T12:00:00 01:00", "%2B"),
        ] {
            assert!(wrong.parse::<Moment>().unwrap_err().to_string().contains(says), "{wrong}");
        }
    }
}
