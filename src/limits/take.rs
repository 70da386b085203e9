//! A question to the limits and its answer: what a request wants to take, and where that leaves the one who asks.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use super::{
    rule::{Exception, Kind, Period, Rule},
    subject::Subject,
};
use crate::model::TurnId;

/// How long a turn is believed to run without its owner saying so.
pub const LEASE: Duration = Duration::from_secs(30);

/// No window of a limit reaches further back: a month, and a day for clocks and time zones.
pub const LONGEST_WINDOW: Duration = Duration::from_secs(32 * 24 * 60 * 60);

/// Everything one request takes, in one step, all or nothing. It is its own receipt: `settle`, `release` and `renew` want
/// it back, in the home that admitted it. No two checks may have the same subject and rule.
#[derive(Clone, Debug)]
pub struct Take {
    pub(super) turn: Option<TurnId>,
    pub(super) checks: Vec<Check>,
    pub(super) lease_ttl: Duration,
}

#[derive(Clone, Debug)]
pub struct Check {
    pub subject: Subject,
    pub rule: Arc<Rule>,
    /// Another maximum for this subject, if it has one.
    pub exception: Option<Exception>,
    /// 1 for messages and turns; the worst case in tokens or nano-dollars for a quota.
    pub amount: u64,
}

impl Take {
    /// For a turn: leases and reservations are made in its name.
    pub fn for_turn(turn: TurnId, lease_ttl: Duration, checks: Vec<Check>) -> Self {
        Self { turn: Some(turn), checks, lease_ttl }
    }

    /// For something that is over at once, like a login: rules that count messages.
    pub fn once(checks: Vec<Check>) -> Self {
        debug_assert!(checks.iter().all(|check| matches!(check.rule.kind, Kind::Messages { .. })));
        Self { turn: None, checks, lease_ttl: Duration::ZERO }
    }

    /// The rules it asks, in the order of its checks.
    pub fn rules(&self) -> impl Iterator<Item = &Rule> {
        self.checks.iter().map(|check| &*check.rule)
    }

    pub fn checks(&self) -> &[Check] {
        &self.checks
    }

    /// Whose counters it needs, each once, as `Counters` names them.
    pub fn subjects(&self) -> BTreeSet<String> {
        self.checks.iter().map(|check| check.subject.to_string()).collect()
    }

    /// The worst case that it reserves of tokens and cost; nothing where no rule counts them.
    pub fn reserved(&self) -> Actual {
        let most = |is_it: fn(Kind) -> bool| {
            self.checks.iter().filter(|check| is_it(check.rule.kind)).map(|check| check.amount).max().unwrap_or(0)
        };
        Actual {
            tokens: most(|kind| matches!(kind, Kind::Tokens { .. })),
            cost: most(|kind| matches!(kind, Kind::Cost { .. })),
        }
    }

    /// The name its leases and reservations go by.
    pub(super) fn member(&self) -> String {
        self.turn.map_or_else(|| "-".to_owned(), |turn| turn.to_string())
    }
}

impl Check {
    /// Bounded, so that sums stay exact. More than any maximum is refused however much more it is.
    pub(super) fn bounded_amount(&self) -> i64 {
        let most = self.exception.map_or(0, Exception::most).max(self.rule.most());
        i64::try_from(self.amount).unwrap_or(i64::MAX).min(most + 1)
    }

    /// The exception, unless it is over.
    pub(super) fn exception_at(&self, now_us: i64) -> Option<Exception> {
        self.exception.filter(|exception| exception.until_us.is_none_or(|until_us| now_us < until_us))
    }

    /// The maximum that holds then.
    pub(super) fn max_at(&self, now_us: i64) -> u64 {
        self.exception_at(now_us).map_or(self.rule.max, |exception| exception.max)
    }

    /// The same as the homes reckon with it.
    pub(super) fn most_at(&self, now_us: i64) -> i64 {
        self.exception_at(now_us).map_or(self.rule.most(), Exception::most)
    }
}

/// What a turn really used; each rule takes the number it counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Actual {
    pub tokens: u64,
    /// Nano-dollars.
    pub cost: u64,
}

impl Actual {
    pub(super) fn of(self, kind: Kind) -> i64 {
        let amount = match kind {
            Kind::Messages { .. } | Kind::Turns => 0,
            Kind::Tokens { .. } => self.tokens,
            Kind::Cost { .. } => self.cost,
        };
        i64::try_from(amount).unwrap_or(i64::MAX).min(Rule::MOST)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Where each check stands afterwards, in the order of the checks.
    Admitted {
        standings: Vec<Standing>,
    },
    Refused(Refusal),
}

/// Names the check that has to wait longest; of several the first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub rule: String,
    pub limit: u64,
    pub used: u64,
    /// For messages and quotas exactly the time after which the same request would be admitted if nobody else asks, unless it
    /// asks for more than the whole maximum. For turns one second: nobody knows when one ends.
    pub retry_after: Duration,
    pub standings: Vec<Standing>,
}

impl Refusal {
    /// For the `Retry-After` header: whole seconds, never too early, at least 1.
    pub fn retry_after_secs(&self) -> u64 {
        seconds_up(i64::try_from(self.retry_after.as_micros()).unwrap_or(i64::MAX)).max(1)
    }
}

/// How much of one rule is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    pub rule: String,
    pub limit: u64,
    /// May be over the limit: an overrun is charged and shown.
    pub used: u64,
    pub remaining: u64,
    /// `None`: no fixed time (turns, months).
    pub window_secs: Option<u64>,
    /// Until all of it is free again. `None` for turns.
    pub reset_secs: Option<u64>,
}

/// What a home reads of one rule, before it is put into words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reading {
    pub used: i64,
    /// Until all is free.
    pub reset_us: i64,
    /// The exception's maximum holds, not the rule's.
    pub is_excepted: bool,
}

impl Standing {
    pub(super) fn new(check: &Check, reading: Reading) -> Self {
        let rule = &check.rule;
        let (window_secs, has_reset) = match rule.kind {
            Kind::Messages { window } => (Some(seconds_up(Kind::window_us(window)).max(1)), true),
            Kind::Turns => (None, false),
            Kind::Tokens { period: Period::Day } | Kind::Cost { period: Period::Day } => (Some(86_400), true),
            Kind::Tokens { period: Period::Month } | Kind::Cost { period: Period::Month } => (None, true),
        };
        let used = u64::try_from(reading.used).unwrap_or(0);
        let limit = check.exception.filter(|_| reading.is_excepted).map_or(rule.max, |exception| exception.max);
        let reset_secs = has_reset.then(|| seconds_up(reading.reset_us));
        let remaining = limit.saturating_sub(used);
        Self { rule: rule.name.clone(), limit, used, remaining, window_secs, reset_secs }
    }
}

impl Verdict {
    /// From what a home found: the check that is refused with its wait in microseconds, and a reading of every check.
    pub(super) fn new(take: &Take, refused: Option<(usize, i64)>, readings: &[Reading]) -> Self {
        let standings: Vec<_> =
            take.checks.iter().zip(readings).map(|(check, reading)| Standing::new(check, *reading)).collect();
        match refused.and_then(|(index, wait_us)| Some((standings.get(index)?, wait_us))) {
            None => Self::Admitted { standings },
            Some((standing, wait_us)) => Self::Refused(Refusal {
                rule: standing.rule.clone(),
                limit: standing.limit,
                used: standing.used,
                retry_after: Duration::from_micros(wait_us.unsigned_abs()),
                standings,
            }),
        }
    }
}

fn seconds_up(us: i64) -> u64 {
    u64::try_from(us).unwrap_or(0).div_ceil(1_000_000)
}
