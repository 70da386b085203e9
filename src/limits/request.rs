//! The limit request and its verdict: what a request takes, and the usage after it.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use super::{
    rule::{Kind, MaxOverride, Period, Rule},
    subject::Subject,
};
use crate::model::TurnId;

/// The longest window of a rule: a month, and a day for clocks and time zones.
pub const LONGEST_WINDOW: Duration = Duration::from_secs(32 * 24 * 60 * 60);

/// Everything one request takes, in one step, all or nothing. `settle`, `release` and `renew` need the same value, in
/// the backend that admitted it. No two checks may have the same subject and rule.
#[derive(Clone, Debug)]
pub struct LimitRequest {
    pub(super) turn: Option<TurnId>,
    pub(super) checks: Vec<Check>,
    pub(super) lease_ttl: Duration,
    pub(super) length: ReplyLength,
}

/// The length of a reply, in tokens. Where the request sets no length, the reservation is cut to what the quotas have
/// left, though not below `least`: a shorter reply would be of no use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReplyLength {
    pub least: u32,
    pub most: u32,
}

#[derive(Clone, Debug)]
pub struct Check {
    pub subject: Subject,
    pub rule: Arc<Rule>,
    /// The override for this subject, if it has one.
    pub max_override: Option<MaxOverride>,
    /// 1 for messages and turns; for a quota what the input takes, in tokens or nano-dollars.
    pub amount: u64,
    /// What a quota is charged for each token of the reply; else 0.
    pub per_token: u64,
}

impl LimitRequest {
    /// For a turn: it names the leases and reservations.
    pub fn for_turn(turn: TurnId, lease_ttl: Duration, checks: Vec<Check>, length: ReplyLength) -> Self {
        Self { turn: Some(turn), checks, lease_ttl, length }
    }

    /// To end a turn that was admitted elsewhere: only its subjects and rules matter.
    pub fn to_settle(turn: TurnId, checks: Vec<Check>) -> Self {
        Self::for_turn(turn, Duration::ZERO, checks, ReplyLength::default())
    }

    /// For something that is over at once, like a login: only rules that count messages.
    pub fn once(checks: Vec<Check>) -> Self {
        debug_assert!(checks.iter().all(|check| matches!(check.rule.kind, Kind::Messages { .. })));
        Self { turn: None, checks, lease_ttl: Duration::ZERO, length: ReplyLength::default() }
    }

    /// The rules of its checks, in their order.
    pub fn rules(&self) -> impl Iterator<Item = &Rule> {
        self.checks.iter().map(|check| &*check.rule)
    }

    pub fn checks(&self) -> &[Check] {
        &self.checks
    }

    /// The subjects whose counters it needs, each once, as `Counters` names them.
    pub fn subjects(&self) -> BTreeSet<String> {
        self.checks.iter().map(|check| check.subject.to_string()).collect()
    }

    /// The tokens and cost reserved for a reply of this length; nothing where no rule counts them.
    pub fn reserved(&self, length: u32) -> Actual {
        let most = |is_it: fn(Kind) -> bool| {
            let counted = self.checks.iter().filter(|check| is_it(check.rule.kind));
            counted.map(|check| check.reservation(length)).max().unwrap_or(0)
        };
        Actual {
            tokens: most(|kind| matches!(kind, Kind::Tokens { .. })),
            cost: most(|kind| matches!(kind, Kind::Cost { .. })),
        }
    }

    /// The name of its leases and reservations.
    pub(super) fn member(&self) -> String {
        self.turn.map_or_else(|| "-".to_owned(), |turn| turn.to_string())
    }
}

impl Check {
    /// A check with only subject and rule: to read a counter, or to settle it.
    pub fn of(subject: Subject, rule: Arc<Rule>) -> Self {
        Self { subject, rule, max_override: None, amount: 0, per_token: 0 }
    }

    /// The reservation for a reply of so many tokens; for messages and turns, 1.
    pub(super) fn reservation(&self, tokens: u32) -> u64 {
        self.amount.saturating_add(self.per_token.saturating_mul(tokens.into()))
    }

    pub(super) fn bounded_amount(&self) -> i64 {
        self.bounded(self.amount)
    }

    /// Bounds an amount, so that sums stay exact. More than any maximum is refused however much more it is.
    pub(super) fn bounded(&self, amount: u64) -> i64 {
        let most = self.max_override.map_or(0, MaxOverride::most).max(self.rule.most());
        i64::try_from(amount).unwrap_or(i64::MAX).min(most + 1)
    }

    /// `per_token`, bounded for exact sums.
    pub(super) fn bounded_per_token(&self) -> i64 {
        i64::try_from(self.per_token).unwrap_or(i64::MAX).min(Rule::MAX_COUNT)
    }

    /// The override, unless it has expired.
    pub(super) fn max_override_at(&self, now_us: i64) -> Option<MaxOverride> {
        self.max_override.filter(|max_override| max_override.until_us.is_none_or(|until_us| now_us < until_us))
    }

    /// The maximum at a time.
    pub(super) fn max_at(&self, now_us: i64) -> u64 {
        self.max_override_at(now_us).map_or(self.rule.max, |max_override| max_override.max)
    }

    /// The same, bounded for exact sums.
    pub(super) fn most_at(&self, now_us: i64) -> i64 {
        self.max_override_at(now_us).map_or(self.rule.most(), MaxOverride::most)
    }
}

/// The actual usage of a turn; each rule takes the number it counts.
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
        i64::try_from(amount).unwrap_or(i64::MAX).min(Rule::MAX_COUNT)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    Admitted {
        /// The usage of each rule afterwards, in the order of the checks.
        usages: Vec<LimitUsage>,
        /// The tokens that are reserved for the reply, in every quota.
        length: u32,
    },
    Refused(Refusal),
}

/// A refused request: names the check that has to wait longest; of several the first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub subject: Subject,
    pub rule: String,
    pub limit: u64,
    pub used: u64,
    pub reserved: u64,
    /// What the request needs at least: of a quota its worst case, else 1.
    pub reservation: u64,
    /// The longest reply that would be admitted: now, or where none would be, with the limits unused.
    pub fitting_length: Option<u32>,
    /// `None`: never, because the maximum itself is too small. For messages and quotas exactly the time after which the
    /// same request would be admitted if no other comes. Where only running turns stand in the way, one second: when
    /// one ends is not known.
    pub retry_after: Option<Duration>,
    pub usages: Vec<LimitUsage>,
}

impl Refusal {
    /// For the `Retry-After` header: whole seconds, never too early, at least 1.
    pub fn retry_after_secs(&self) -> Option<u64> {
        let micros = i64::try_from(self.retry_after?.as_micros()).unwrap_or(i64::MAX);
        Some(seconds_up(micros).max(1))
    }
}

/// How long a check has to wait, in microseconds. In order: the longest last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Wait {
    Us(i64),
    Never,
}

impl Wait {
    pub(super) const NONE: Self = Self::Us(0);

    fn time(self) -> Option<Duration> {
        match self {
            Self::Us(us) => Some(Duration::from_micros(us.unsigned_abs())),
            Self::Never => None,
        }
    }
}

/// How much of one rule is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LimitUsage {
    pub rule: String,
    pub limit: u64,
    /// May be over the limit: an overrun is charged and shown.
    pub used: u64,
    /// The reservations of running turns.
    pub reserved: u64,
    pub remaining: u64,
    /// `None`: no fixed time (turns, months).
    pub window_secs: Option<u64>,
    /// Until all of it is free again. `None` for turns.
    pub reset_secs: Option<u64>,
}

/// The usage of one rule as a backend reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reading {
    pub used: i64,
    pub reserved: i64,
    /// Until all is free.
    pub reset_us: i64,
    /// The override's maximum holds, not the rule's.
    pub is_overridden: bool,
}

impl LimitUsage {
    pub(super) fn new(check: &Check, reading: Reading) -> Self {
        let rule = &check.rule;
        let (window_secs, has_reset) = match rule.kind {
            Kind::Messages { window } => (Some(seconds_up(Kind::window_us(window)).max(1)), true),
            Kind::Turns => (None, false),
            Kind::Tokens { period: Period::Day } | Kind::Cost { period: Period::Day } => (Some(86_400), true),
            Kind::Tokens { period: Period::Month } | Kind::Cost { period: Period::Month } => (None, true),
        };
        let count = |number: i64| u64::try_from(number).unwrap_or(0);
        let (used, reserved) = (count(reading.used), count(reading.reserved));
        let limit =
            check.max_override.filter(|_| reading.is_overridden).map_or(rule.max, |max_override| max_override.max);
        let reset_secs = has_reset.then(|| seconds_up(reading.reset_us));
        let remaining = limit.saturating_sub(used).saturating_sub(reserved);
        Self { rule: rule.name.clone(), limit, used, reserved, remaining, window_secs, reset_secs }
    }
}

impl Verdict {
    /// From a backend's result: the tokens that are reserved for the reply, or the refused check with its wait; and a
    /// reading of every check.
    pub(super) fn new(request: &LimitRequest, decided: Result<u32, (usize, Wait)>, readings: &[Reading]) -> Self {
        let usages: Vec<_> =
            request.checks.iter().zip(readings).map(|(check, reading)| LimitUsage::new(check, *reading)).collect();
        let (index, wait) = match decided {
            Ok(length) => return Self::Admitted { usages, length },
            Err(refused) => refused,
        };
        let (check, usage) = (&request.checks[index], &usages[index]);
        let now = request.longest_reply(&usages, |usage| usage.remaining);
        Self::Refused(Refusal {
            subject: check.subject.clone(),
            rule: usage.rule.clone(),
            limit: usage.limit,
            used: usage.used,
            reserved: usage.reserved,
            reservation: check.reservation(request.length.least),
            fitting_length: now.or_else(|| request.longest_reply(&usages, |usage| usage.limit)),
            retry_after: wait.time(),
            usages,
        })
    }
}

impl LimitRequest {
    /// The longest reply that every quota has room for; `None` if they have none for any, or none counts replies.
    fn longest_reply(&self, usages: &[LimitUsage], room: impl Fn(&LimitUsage) -> u64) -> Option<u32> {
        let mut longest: Option<u64> = None;
        let quotas = self.checks.iter().zip(usages).filter(|(check, _)| check.rule.kind.is_quota());
        for (check, usage) in quotas {
            let fitting = room(usage).checked_sub(check.amount)?.checked_div(check.per_token);
            longest = longest.into_iter().chain(fitting).min();
        }
        let longest = u32::try_from(longest?).unwrap_or(u32::MAX).min(self.length.most);
        (longest > 0).then_some(longest)
    }
}

fn seconds_up(us: i64) -> u64 {
    u64::try_from(us).unwrap_or(0).div_ceil(1_000_000)
}
