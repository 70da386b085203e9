//! The reference model of the rules: every event is kept, and every verdict is computed from all of them. Slow, and
//! shares no arithmetic with the backends.

use std::{collections::BTreeMap, time::Duration};

use chrono::{DateTime, Utc};

use super::super::{
    Actual, Check, Kind, LimitRequest, LimitUsage, Refusal, ReplyLength, Rule, Shown, Subject, Verdict, rule::Period,
};
use crate::model::{Counting, RuleUse, StoredUse, StoredUseQuery, TurnId, ViolationSummary};

pub(super) struct Model {
    pub now_us: i64,
    accounts: BTreeMap<(Subject, String), Account>,
}

/// All events of one subject under one rule since its last reset.
#[derive(Default)]
struct Account {
    /// The time, how many messages more (or, released, fewer), and the interval of each.
    messages: Vec<(i64, i64, i64)>,
    /// The end of each turn's lease.
    leases: BTreeMap<TurnId, i64>,
    /// Amounts by day or month: still reserved by a turn, or spent.
    quota: Vec<Entry>,
    /// Time and retry time.
    refusals: Vec<(i64, i64)>,
}

struct Entry {
    window: String,
    reserved_by: Option<TurnId>,
    amount: u64,
}

impl Model {
    pub(super) fn new(now_us: i64) -> Self {
        Self { now_us, accounts: BTreeMap::new() }
    }

    pub(super) fn take(&mut self, request: &LimitRequest) -> Verdict {
        let now_us = self.now_us;
        let mut wait = |check: &Check| {
            let needed = reservation(check, request.length.least);
            self.account(&check.subject, &check.rule).wait_us(now_us, check, needed)
        };
        let waits: Vec<_> = request.checks.iter().map(&mut wait).map(|wait| wait.unwrap_or(i64::MAX)).collect();
        let longest = waits.iter().copied().max().unwrap_or(0);
        let refused = waits.iter().position(|wait| *wait == longest && longest > 0);
        let length = if refused.is_none() { self.longest_reply(request) } else { 0 };
        match refused.map(|index| &request.checks[index]) {
            Some(check) => {
                self.account(&check.subject, &check.rule).refusals.push((now_us, now_us.saturating_add(longest)))
            }
            None => request.checks.iter().for_each(|check| {
                let account = self.account(&check.subject, &check.rule);
                account.admit(now_us, check, request, length);
            }),
        }
        let usages: Vec<_> =
            request.checks.iter().map(|check| self.account(&check.subject, &check.rule).usage(now_us, check)).collect();
        let Some(index) = refused else { return Verdict::Admitted { usages, length } };
        let check = &request.checks[index];
        let fitting = |room: &dyn Fn(&LimitUsage) -> u64| {
            let all = request.checks.iter().zip(&usages);
            let quotas: Vec<_> = all.filter(|(check, _)| check.rule.kind.is_quota()).collect();
            let fits = |length| quotas.iter().all(|(check, one)| reservation(check, length) <= room(one).into());
            let counts_answers = quotas.iter().any(|(check, _)| check.per_token > 0);
            largest(1, request.length.most, fits).filter(|_| counts_answers)
        };
        Verdict::Refused(Refusal {
            subject: check.subject.clone(),
            rule: usages[index].rule.clone(),
            limit: usages[index].limit,
            used: usages[index].used,
            reserved: usages[index].reserved,
            reservation: u64::try_from(reservation(check, request.length.least)).unwrap_or(u64::MAX),
            fitting_length: fitting(&|one| one.remaining).or_else(|| fitting(&|one| one.limit)),
            retry_after: (longest < i64::MAX).then(|| Duration::from_micros(longest.unsigned_abs())),
            usages,
        })
    }

    /// The longest admitted reply, by bisection.
    fn longest_reply(&mut self, request: &LimitRequest) -> u32 {
        let now_us = self.now_us;
        let mut fits = |length: u32| {
            let fits = |check: &Check| {
                self.account(&check.subject, &check.rule).admits(now_us, check, reservation(check, length))
            };
            request.checks.iter().filter(|check| check.rule.kind.is_quota()).all(fits)
        };
        let ReplyLength { least, most } = request.length;
        largest(least, most, &mut fits).expect("the shortest is admitted")
    }

    pub(super) fn settle(&mut self, request: &LimitRequest, actual: Actual) {
        for check in &request.checks {
            let account = self.account(&check.subject, &check.rule);
            account.leases.remove(&request.turn.unwrap());
            for entry in account.quota.iter_mut().filter(|entry| entry.reserved_by == request.turn) {
                let amount = if matches!(check.rule.kind, Kind::Cost { .. }) { actual.cost } else { actual.tokens };
                *entry = Entry { window: entry.window.clone(), reserved_by: None, amount: amount.min(1 << 52) };
            }
        }
    }

    pub(super) fn release(&mut self, request: &LimitRequest) {
        let now_us = self.now_us;
        for check in &request.checks {
            let account = self.account(&check.subject, &check.rule);
            account.leases.remove(&request.turn.unwrap());
            account.quota.retain(|entry| entry.reserved_by != request.turn);
            if matches!(check.rule.kind, Kind::Messages { .. }) {
                account.messages.push((now_us, -1, 0));
            }
        }
    }

    pub(super) fn renew(&mut self, takes: &[&LimitRequest], ttl: Duration) -> Vec<bool> {
        let until = self.now_us + i64::try_from(ttl.as_micros()).unwrap();
        let mut answers = vec![];
        for request in takes {
            let mut all = true;
            for check in request.checks.iter().filter(|check| check.rule.kind == Kind::Turns) {
                let now_us = self.now_us;
                let leases = &mut self.account(&check.subject, &check.rule).leases;
                match leases.get_mut(&request.turn.unwrap()) {
                    Some(end) if *end > now_us => *end = until,
                    _ => all = false,
                }
            }
            answers.push(all);
        }
        answers
    }

    pub(super) fn reset(&mut self, subject: &Subject) {
        self.accounts.retain(|(owner, _), _| owner != subject);
    }

    /// The use as the database would return it; none of the rules asked for counts messages. Running turns are left as
    /// they are.
    pub(super) fn stored_use(&self, asked: &StoredUseQuery, ended: &[LimitRequest]) -> StoredUse {
        let is_over = |turn: &TurnId| ended.iter().any(|request| request.turn == Some(*turn));
        let amount = |rule: &str, counting: Counting| {
            let period = match counting {
                Counting::Messages { .. } => panic!("{rule} is not restored"),
                Counting::Turns => return 0,
                Counting::Tokens { .. } => Period::Day,
                Counting::Cost { .. } => Period::Month,
            };
            let of = self.accounts.iter().find(|((who, name), _)| who.to_string() == asked.subject && name == rule);
            let entries = of.map(|(_, account)| &*account.quota).unwrap_or_default();
            let current = window(period, self.now_us).0;
            let spent = entries.iter().filter(|entry| entry.reserved_by.is_none() && entry.window == current);
            i64::try_from(spent.map(|entry| entry.amount).sum::<u64>().min(1 << 52)).unwrap()
        };
        StoredUse {
            running: vec![],
            ended: asked.turns.iter().filter(|turn| is_over(turn)).copied().collect(),
            rules: asked
                .rules
                .iter()
                .map(|(rule, counting)| RuleUse { since_us: 0, amount: amount(rule, *counting) })
                .collect(),
        }
    }

    pub(super) fn show(&mut self, checks: &[Check]) -> Shown {
        let now_us = self.now_us;
        let mut shown = Shown { usages: vec![], violations: vec![] };
        for check in checks {
            let account = self.account(&check.subject, &check.rule);
            shown.usages.push(account.usage(now_us, check));
            shown.violations.push(account.violation(now_us, check));
        }
        shown
    }

    fn account(&mut self, subject: &Subject, rule: &Rule) -> &mut Account {
        self.accounts.entry((subject.clone(), rule.name.clone())).or_default()
    }
}

impl Account {
    fn admit(&mut self, now_us: i64, check: &Check, request: &LimitRequest, length: u32) {
        let turn = request.turn.unwrap();
        match check.rule.kind {
            Kind::Messages { .. } => self.messages.push((now_us, 1, interval(&check.rule, max(check, now_us)))),
            Kind::Turns => {
                self.leases.insert(turn, now_us + i64::try_from(request.lease_ttl.as_micros()).unwrap());
            }
            Kind::Tokens { period } | Kind::Cost { period } => {
                let window = window(period, now_us).0;
                let amount = u64::try_from(reservation(check, length)).unwrap();
                self.quota.push(Entry { window, reserved_by: Some(turn), amount });
            }
        }
    }

    /// The wait until the request would be admitted, by search: first while the override holds, then under the rule as
    /// it is. `None`: never.
    fn wait_us(&self, now_us: i64, check: &Check, needed: u128) -> Option<i64> {
        if self.admits(now_us, check, needed) {
            return Some(0);
        }
        if check.rule.kind == Kind::Turns {
            return self.wait_for_turn_us(now_us, check);
        }
        let end = check.max_override.and_then(|max_override| max_override.until_us).filter(|end| *end > now_us);
        if let Some(soon) = self.wait_for_reservations_us(now_us, check, needed, end) {
            return Some(soon);
        }
        let far = now_us + 80 * super::DAY;
        let first =
            |from: i64, to: i64| self.admits(to, check, needed).then(|| self.first_admitted(from, to, check, needed));
        let found = match end {
            Some(end) => first(now_us, end - 1).or_else(|| first(end, far.max(end))),
            None => first(now_us, far),
        };
        found.map(|at| at - now_us)
    }

    /// The wait for a running turn, whose end is unknown: a second, but beyond an override's end only as the rule says.
    fn wait_for_turn_us(&self, now_us: i64, check: &Check) -> Option<i64> {
        let second = super::SECOND;
        let can_ever = max(check, now_us) > 0;
        match check.max_override.and_then(|max_override| max_override.until_us).filter(|end| *end > now_us) {
            Some(end) if !can_ever || now_us + second >= end => {
                let has_room = self.used(now_us, &check.rule) < check.rule.max;
                Some(if has_room { end - now_us } else { (end - now_us).max(second) })
            }
            _ => can_ever.then_some(second),
        }
    }

    /// The wait where only the reservations of running turns stand in the way of a quota.
    fn wait_for_reservations_us(&self, now_us: i64, check: &Check, needed: u128, end: Option<i64>) -> Option<i64> {
        let (Kind::Tokens { period } | Kind::Cost { period }) = check.rule.kind else { return None };
        let wait = (window(period, now_us).1 - now_us).min(super::SECOND);
        let without = u128::from(self.used(now_us, &check.rule)) + needed;
        let with = without + u128::from(self.reserved(now_us, &check.rule));
        let is_in_the_way = |max: u64| without <= max.into() && with > max.into();
        match end {
            None => is_in_the_way(max(check, now_us)).then_some(wait),
            Some(end) if is_in_the_way(max(check, now_us)) && now_us + wait < end => Some(wait),
            // Unless the override itself admits it before its end, in another window.
            Some(end) if self.admits(end - 1, check, needed) => None,
            Some(end) => is_in_the_way(check.rule.max).then_some(wait.max(end - now_us)),
        }
    }

    /// By bisection: once admitted, always admitted.
    fn first_admitted(&self, mut refused: i64, mut admitted: i64, check: &Check, needed: u128) -> i64 {
        if self.admits(refused, check, needed) {
            return refused;
        }
        while admitted - refused > 1 {
            let middle = refused + (admitted - refused) / 2;
            if self.admits(middle, check, needed) { admitted = middle } else { refused = middle }
        }
        admitted
    }

    /// Whether the request would be admitted then, if nothing happens in between.
    fn admits(&self, at_us: i64, check: &Check, needed: u128) -> bool {
        let max = max(check, at_us);
        match check.rule.kind {
            Kind::Messages { .. } => {
                // A leaky bucket that loses one every interval: one more has to fit.
                let (level, pace) = self.bucket(at_us);
                i128::from(level) + i128::from(pace) <= i128::from(pace) * i128::from(max)
            }
            Kind::Turns => self.used(at_us, &check.rule) < max,
            Kind::Tokens { .. } | Kind::Cost { .. } => {
                let level = self.used(at_us, &check.rule) + self.reserved(at_us, &check.rule);
                u128::from(level) + needed <= u128::from(max)
            }
        }
    }

    /// The bucket's level, as the time until it is empty, and the interval of each message in it. Where the interval
    /// changes, the number of messages stays.
    fn bucket(&self, now_us: i64) -> (i64, i64) {
        let mut before = i64::MIN / 2;
        let (mut level, mut pace) = (0, 1);
        for (at, more, new_pace) in self.messages.iter().chain([&(now_us, 0, 0)]) {
            level = (level - (at - before).min(level)).max(0);
            if *more > 0 && *new_pace != pace {
                level = messages(level, pace) * new_pace;
                pace = *new_pace;
            }
            level = (level + more * pace).max(0);
            before = *at;
        }
        (level, pace)
    }

    fn used(&self, now_us: i64, rule: &Rule) -> u64 {
        match rule.kind {
            Kind::Messages { .. } => {
                let (level, pace) = self.bucket(now_us);
                messages(level, pace).unsigned_abs()
            }
            Kind::Turns => self.leases.values().filter(|end| **end > now_us).count() as u64,
            Kind::Tokens { period } | Kind::Cost { period } => self.quota(now_us, period, false).min(1 << 52),
        }
    }

    fn reserved(&self, now_us: i64, rule: &Rule) -> u64 {
        match rule.kind {
            Kind::Messages { .. } | Kind::Turns => 0,
            Kind::Tokens { period } | Kind::Cost { period } => self.quota(now_us, period, true),
        }
    }

    fn quota(&self, now_us: i64, period: Period, is_reserved: bool) -> u64 {
        let current = window(period, now_us).0;
        let is_asked = |entry: &&Entry| entry.window == current && entry.reserved_by.is_some() == is_reserved;
        self.quota.iter().filter(is_asked).map(|entry| entry.amount).sum()
    }

    fn usage(&self, now_us: i64, check: &Check) -> LimitUsage {
        let rule = &check.rule;
        let (used, reserved, limit) = (self.used(now_us, rule), self.reserved(now_us, rule), max(check, now_us));
        let seconds = |us: i64| Some(us.unsigned_abs().div_ceil(1_000_000));
        let (window_secs, reset_secs) = match rule.kind {
            Kind::Messages { window } => (Some(window.as_secs()), seconds(self.bucket(now_us).0)),
            Kind::Turns => (None, None),
            Kind::Tokens { period } | Kind::Cost { period } => {
                let fixed = (period == Period::Day).then_some(24 * 60 * 60);
                (fixed, seconds(window(period, now_us).1 - now_us))
            }
        };
        let remaining = limit.saturating_sub(used + reserved);
        LimitUsage { rule: rule.name.clone(), limit, used, reserved, remaining, window_secs, reset_secs }
    }

    /// The violation; it is forgotten after a whole day without a refusal.
    fn violation(&self, now_us: i64, check: &Check) -> Option<ViolationSummary> {
        let mut count = 0;
        let mut next = now_us;
        for (at, _) in self.refusals.iter().rev() {
            if next - at >= super::DAY {
                break;
            }
            count += 1;
            next = *at;
        }
        let (last_us, until_us) = *self.refusals.last().filter(|_| count > 0)?;
        let until_us = if until_us == i64::MAX { ViolationSummary::NEVER_US } else { until_us };
        let (subject, rule) = (check.subject.to_string(), check.rule.name.clone());
        Some(ViolationSummary { subject, rule, count, last_us, until_us })
    }
}

fn reservation(check: &Check, tokens: u32) -> u128 {
    u128::from(check.amount) + u128::from(check.per_token) * u128::from(tokens)
}

/// The largest that fits, where all smaller ones do; by bisection.
fn largest(least: u32, most: u32, mut fits: impl FnMut(u32) -> bool) -> Option<u32> {
    if least > most || !fits(least) {
        return None;
    }
    let (mut good, mut bad) = (u64::from(least), u64::from(most) + 1);
    while bad - good > 1 {
        let middle = good + (bad - good) / 2;
        if fits(u32::try_from(middle).unwrap()) { good = middle } else { bad = middle }
    }
    u32::try_from(good).ok()
}

/// The maximum of the check at a time.
fn max(check: &Check, at_us: i64) -> u64 {
    match check.max_override {
        Some(max_override) if max_override.until_us.is_none_or(|end| at_us < end) => max_override.max,
        _ => check.rule.max,
    }
}

/// The number of messages that take at least `level`.
fn messages(level: i64, pace: i64) -> i64 {
    (0..).find(|used| used * pace >= level).unwrap()
}

/// The smallest interval of which `max` are at least the window.
fn interval(rule: &Rule, max: u64) -> i64 {
    let Kind::Messages { window } = rule.kind else { panic!("{rule:?} has no interval") };
    i64::try_from(window.as_micros().div_ceil(u128::from(max.max(1)))).unwrap()
}

/// A name for the calendar window, and the first microsecond after it.
fn window(period: Period, now_us: i64) -> (String, i64) {
    let pattern = match period {
        Period::Day => "%Y-%m-%d",
        Period::Month => "%Y-%m",
    };
    let name = |day: i64| time(day * super::DAY).format(pattern).to_string();
    let today = now_us.div_euclid(super::DAY);
    let after = (today..).find(|day| name(*day) != name(today)).unwrap();
    (name(today), after * super::DAY)
}

fn time(us: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(us).unwrap()
}
