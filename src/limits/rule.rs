//! The rules of limits. A rule is plain data; `decide` applies it.

use std::time::Duration;

use crate::{
    config::{self, BUILT_IN_RULES, Count, Per, Window},
    model::Invalid,
};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Part of field names, so without `:`; `from_config` checks it.
    pub name: String,
    pub per: Per,
    pub max: u64,
    pub kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// GCRA with a burst of `max`: one more every `window / max`.
    Messages {
        window: Duration,
    },
    /// Concurrent turns, each holding a lease.
    Turns,
    Tokens {
        period: Period,
    },
    /// In nano-dollars.
    Cost {
        period: Period,
    },
}

/// An override of a rule's maximum, for one subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MaxOverride {
    pub max: u64,
    /// Microseconds since 1970, on the backend's clock; from then on the rule holds as it is.
    pub until_us: Option<i64>,
}

/// A calendar window, UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Period {
    Day,
    Month,
}

const RESTORED_FROM_US: i64 = 60 * 60 * 1_000_000;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

impl Rule {
    /// # Errors
    /// A count and a window that do not go together, a window over a day for messages, a name that cannot be used.
    pub fn from_config(limit: &config::Limit) -> Result<Self, Invalid> {
        if !Self::is_name(&limit.name) || BUILT_IN_RULES.contains(&&*limit.name) {
            return Err(Invalid::new(
                "name",
                "must be 1 to 64 letters, digits, `_`, `-` or `.`, and none that is built in",
            ));
        }
        let kind = kind(limit.count, limit.window)?;
        Ok(Self { name: limit.name.clone(), per: limit.per, max: limit.max, kind })
    }

    /// Whether its counters are restored from the stored use, where they are lost. A window of messages below an hour
    /// starts again. As restored.lua computes it.
    pub fn is_restored(&self) -> bool {
        match self.kind {
            Kind::Messages { window } => {
                interval_us(window, self.max).saturating_mul(self.most().max(1)) >= RESTORED_FROM_US
            }
            Kind::Turns | Kind::Tokens { .. } | Kind::Cost { .. } => true,
        }
    }

    /// Whether a text is a rule name.
    pub fn is_name(text: &str) -> bool {
        config::is_rule_name(text)
    }

    /// The bound of maxima, amounts and counters: 2⁵², so that every sum is exact in Lua's numbers too (2⁵³). In
    /// nano-dollars it is more than four million dollars.
    pub(super) const MAX_COUNT: i64 = 1 << 52;

    /// `max`, bounded for exact sums.
    pub(super) fn most(&self) -> i64 {
        bounded(self.max)
    }

    /// Names of built-in rules.
    pub const LOGIN_NAME: &str = "login_name";
    pub const LOGIN_NAME_ADDRESS: &str = "login_name_address";
    pub const LOGIN_KNOWN_ADDRESS: &str = "login_known_address";
    pub const REFRESH_SESSION: &str = "refresh_session";

    /// All built-in rules.
    pub fn built_in() -> [Self; 7] {
        [
            Self::login_address(),
            Self::login_name_address(),
            Self::login_name(),
            Self::login_known_address(),
            Self::refresh_address(),
            Self::refresh_session(),
            Self::password_change(),
        ]
    }

    /// Logins from one address, whatever the name; checked before any hashing.
    pub fn login_address() -> Self {
        Self::per_minute("login_address", 10)
    }

    /// Logins with one name from one address.
    pub fn login_name_address() -> Self {
        Self::per_minute(Self::LOGIN_NAME_ADDRESS, 5)
    }

    /// Logins with one name, from all addresses. Above it they are slowed, not refused.
    pub fn login_name() -> Self {
        Self::per_minute(Self::LOGIN_NAME, 60)
    }

    /// Logins from a known address of the account; in place of the three others.
    pub fn login_known_address() -> Self {
        Self::per_minute(Self::LOGIN_KNOWN_ADDRESS, 30)
    }

    /// Invalid refresh tokens from one address.
    pub fn refresh_address() -> Self {
        Self::per_minute("refresh_address", 100)
    }

    /// Refreshes of one session.
    pub fn refresh_session() -> Self {
        Self::per_minute(Self::REFRESH_SESSION, 100)
    }

    /// Changes of a user's own password, which try the current one.
    pub fn password_change() -> Self {
        Self { per: Per::User, ..Self::per_minute("password_change", 5) }
    }

    /// Counts addresses, or what no configured rule counts: names, logins, sessions.
    fn per_minute(name: &str, max: u64) -> Self {
        let kind = Kind::Messages { window: Duration::from_secs(60) };
        Self { name: name.to_owned(), per: Per::Address, max, kind }
    }
}

impl MaxOverride {
    /// `max`, bounded for exact sums.
    pub(super) fn most(self) -> i64 {
        bounded(self.max)
    }
}

fn bounded(max: u64) -> i64 {
    i64::try_from(max).unwrap_or(i64::MAX).min(Rule::MAX_COUNT)
}

impl Kind {
    /// Whether it reserves the worst case, to be settled.
    pub fn is_quota(self) -> bool {
        matches!(self, Self::Tokens { .. } | Self::Cost { .. })
    }

    pub(super) fn window_us(window: Duration) -> i64 {
        i64::try_from(window.min(DAY).as_micros()).expect("a day is few microseconds")
    }
}

/// GCRA's emission interval in microseconds: the time after which one more is admitted. Rounded up, so that no window
/// admits more than `max` beyond the burst. With a maximum of 0 it is the whole window.
pub(super) fn interval_us(window: Duration, max: u64) -> i64 {
    let max = i64::try_from(max.max(1)).unwrap_or(i64::MAX);
    let window = Kind::window_us(window);
    (window / max + i64::from(window % max > 0)).max(1)
}

fn kind(count: Count, window: Window) -> Result<Kind, Invalid> {
    match (count, window) {
        (Count::Messages, Window::Sliding(window)) if window > Duration::ZERO && window <= DAY => {
            Ok(Kind::Messages { window })
        }
        (Count::Messages, Window::Day) => Ok(Kind::Messages { window: DAY }),
        (Count::Messages, Window::Sliding(_) | Window::Month | Window::Running) => {
            Err(Invalid::new("window", "must be a time of up to a day where messages are counted"))
        }
        (Count::Turns, Window::Running) => Ok(Kind::Turns),
        (Count::Turns, Window::Sliding(_) | Window::Day | Window::Month) => {
            Err(Invalid::new("window", "has no meaning for turns: they are counted while they run"))
        }
        (Count::Tokens, Window::Day) => Ok(Kind::Tokens { period: Period::Day }),
        (Count::Tokens, Window::Month) => Ok(Kind::Tokens { period: Period::Month }),
        (Count::Cost, Window::Day) => Ok(Kind::Cost { period: Period::Day }),
        (Count::Cost, Window::Month) => Ok(Kind::Cost { period: Period::Month }),
        (Count::Tokens | Count::Cost, Window::Sliding(_) | Window::Running) => {
            Err(Invalid::new("window", "must be `day` or `month` where tokens or cost are counted"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit(count: Count, window: Window) -> config::Limit {
        config::Limit { name: "some-rule".to_owned(), per: Per::User, count, max: 3, window }
    }

    #[test]
    fn no_configured_rule_has_a_built_in_name() {
        for built_in in Rule::built_in() {
            let limit = config::Limit { name: built_in.name.clone(), ..limit(Count::Turns, Window::Running) };
            assert!(Rule::from_config(&limit).is_err(), "{}", built_in.name);
        }
    }

    #[test]
    fn only_meaningful_windows_make_a_rule() {
        let second = Window::Sliding(Duration::from_secs(1));
        let long = Window::Sliding(DAY + Duration::from_secs(1));
        for (count, good, bad) in [
            (Count::Messages, [second, Window::Day], [long, Window::Month]),
            (Count::Turns, [Window::Running; 2], [second, Window::Day]),
            (Count::Tokens, [Window::Day, Window::Month], [second, Window::Running]),
            (Count::Cost, [Window::Day, Window::Month], [long, Window::Running]),
        ] {
            assert!(good.iter().all(|window| Rule::from_config(&limit(count, *window)).is_ok()), "{count:?}");
            assert!(bad.iter().all(|window| Rule::from_config(&limit(count, *window)).is_err()), "{count:?}");
        }
    }

    #[test]
    fn a_rules_name_fits_into_a_field_and_a_header() {
        for name in ["", "a:b", "a\"b", "ä", "a b", &"x".repeat(65)] {
            let limit = config::Limit { name: name.to_owned(), ..limit(Count::Turns, Window::Running) };
            assert_eq!(Rule::from_config(&limit).unwrap_err().field, "name", "{name}");
        }
    }

    #[test]
    fn intervals_are_whole_and_never_too_short() {
        let second = Duration::from_secs(1);
        assert_eq!(interval_us(second, 10), 100_000);
        assert_eq!(interval_us(second, 3), 333_334);
        assert_eq!(interval_us(second, 0), 1_000_000);
        assert_eq!(interval_us(second, 10_000_000), 1);
        assert_eq!(interval_us(second, u64::MAX), 1);
    }
}
