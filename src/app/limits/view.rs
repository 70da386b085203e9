//! Numbers of limits in the unit that people use: cost in dollars, all else as it is counted.

use std::{fmt, time::Duration};

use serde::{Serialize, Serializer};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        RefOr,
        schema::{ObjectBuilder, Schema, Type},
    },
};

use crate::{
    limits::{Kind, Period},
    model::{Invalid, NanoUsd},
};

/// How much of what a rule counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Amount {
    Count(u64),
    Cost(NanoUsd),
}

impl Amount {
    /// From the number that limits reckon with.
    pub(in crate::app) fn of(kind: Kind, number: u64) -> Self {
        match kind {
            Kind::Cost { .. } => Self::Cost(NanoUsd(i64::try_from(number).unwrap_or(i64::MAX))),
            Kind::Messages { .. } | Kind::Turns | Kind::Tokens { .. } => Self::Count(number),
        }
    }

    /// From a number that was kept together with what it counts.
    pub(super) fn counted(what: &str, number: u64) -> Self {
        match what {
            "cost" => Self::Cost(NanoUsd(i64::try_from(number).unwrap_or(i64::MAX))),
            _ => Self::Count(number),
        }
    }

    /// Parses a maximum as an administrator gives it into the number that limits compute with. Errors: no such number.
    pub(super) fn parse_max(kind: Kind, given: f64) -> Result<u64, Invalid> {
        let invalid = |message: String| Err(Invalid::new("max", message));
        let (most, what) = most(kind);
        if !(0.0..=most).contains(&given) {
            return invalid(format!("must be from 0 to {most}, {what}"));
        }
        match kind {
            Kind::Cost { .. } => Ok(NanoUsd::from_usd(given).0.unsigned_abs()),
            Kind::Messages { .. } | Kind::Turns | Kind::Tokens { .. } if given.fract() == 0.0 => Ok(given as u64),
            Kind::Messages { .. } | Kind::Turns | Kind::Tokens { .. } => invalid(format!("must be whole: {what}")),
        }
    }
}

/// As the configuration has it; more than one message a microsecond cannot be spaced.
fn most(kind: Kind) -> (f64, &'static str) {
    match kind {
        Kind::Messages { window } => ((window.as_micros() as f64).min(1e9), "a number of messages"),
        Kind::Turns => (1e6, "a number of turns"),
        Kind::Tokens { .. } => (1e15, "a number of tokens"),
        Kind::Cost { .. } => (1e9, "an amount of US dollars"),
    }
}

/// `$20.00`, and as many digits more as it takes.
impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(count) => count.fmt(f),
            Self::Cost(NanoUsd(nano)) => {
                let nano = nano.unsigned_abs();
                let digits = format!("{:09}", nano % 1_000_000_000);
                let digits = digits.trim_end_matches('0');
                write!(f, "${}.{digits:0<2}", nano / 1_000_000_000)
            }
        }
    }
}

impl Serialize for Amount {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Count(count) => to.serialize_u64(*count),
            Self::Cost(cost) => cost.serialize(to),
        }
    }
}

impl PartialSchema for Amount {
    fn schema() -> RefOr<Schema> {
        let says = "How many; of cost, US dollars.";
        ObjectBuilder::new().schema_type(Type::Number).minimum(Some(0)).description(Some(says)).into()
    }
}

impl ToSchema for Amount {}

/// What is counted, as the configuration names it.
pub(super) fn counted(kind: Kind) -> &'static str {
    match kind {
        Kind::Messages { .. } => "messages",
        Kind::Turns => "turns",
        Kind::Tokens { .. } => "tokens",
        Kind::Cost { .. } => "cost",
    }
}

/// The time it is counted over, as the configuration names it; none for what runs at once.
pub(super) fn window(kind: Kind) -> Option<String> {
    match kind {
        Kind::Messages { window } => Some(in_one_unit(window)),
        Kind::Turns => None,
        Kind::Tokens { period: Period::Day } | Kind::Cost { period: Period::Day } => Some("day".into()),
        Kind::Tokens { period: Period::Month } | Kind::Cost { period: Period::Month } => Some("month".into()),
    }
}

/// `24h`, not `1day`.
fn in_one_unit(window: Duration) -> String {
    let secs = window.as_secs();
    match (secs, window.subsec_nanos()) {
        (0, _) | (_, 1..) => format!("{}ms", window.as_millis()),
        (secs, 0) if secs % 3_600 == 0 => format!("{}h", secs / 3_600),
        (secs, 0) if secs % 60 == 0 => format!("{}m", secs / 60),
        (secs, 0) => format!("{secs}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dollars_are_written_as_dollars() {
        for (nano, text) in [
            (20_000_000_000, "$20.00"),
            (0, "$0.00"),
            (25_000, "$0.000025"),
            (1_500_000_000, "$1.50"),
            (1_000_000_001, "$1.000000001"),
        ] {
            assert_eq!(Amount::Cost(NanoUsd(nano)).to_string(), text);
        }
    }

    #[test]
    fn a_maximum_is_bounded_and_whole_unless_it_is_money() {
        let second = Kind::Messages { window: Duration::from_millis(1) };
        let cost = Kind::Cost { period: Period::Day };
        assert_eq!(Amount::parse_max(second, 1_000.0), Ok(1_000));
        assert_eq!(Amount::parse_max(second, 0.0), Ok(0));
        assert_eq!(Amount::parse_max(cost, 0.25), Ok(250_000_000));
        for (kind, bad) in [(second, 1_001.0), (second, 1.5), (second, -1.0), (cost, 2e9), (Kind::Turns, f64::NAN)] {
            assert_eq!(Amount::parse_max(kind, bad).unwrap_err().field, "max", "{kind:?} {bad}");
        }
    }

    #[test]
    fn a_window_reads_as_in_the_configuration() {
        let text = |millis| in_one_unit(Duration::from_millis(millis));
        let read = [1, 1_000, 1_500, 60_000, 90_000, 3_600_000, 86_400_000].map(text);
        assert_eq!(read, ["1ms", "1s", "1500ms", "1m", "90s", "1h", "24h"]);
    }
}
