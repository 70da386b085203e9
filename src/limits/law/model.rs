//! The rules as a plain account of what happened: every event is kept, and every answer reckoned from all of them.
//! Slow, and shares no arithmetic with the homes.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use chrono::{DateTime, Utc};

use super::super::{
    Actual, Kind, Refusal, Rule, Shown, Standing, Subject, Take, Verdict, rule::Period, show::Violation,
};
use crate::model::TurnId;

pub(super) struct Model {
    pub now_us: i64,
    accounts: BTreeMap<(Subject, String), Account>,
}

/// All that happened under one rule to one subject since its last reset.
#[derive(Default)]
struct Account {
    /// When, and how many messages more (or, given back, fewer).
    messages: Vec<(i64, i64)>,
    /// The end of each turn's lease.
    leases: BTreeMap<TurnId, i64>,
    /// The day or month, and its amount: still reserved by a turn, or spent.
    quota: Vec<Entry>,
    /// When, and until when.
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

    pub(super) fn take(&mut self, take: &Take) -> Verdict {
        let now_us = self.now_us;
        let waits: Vec<_> = take
            .checks
            .iter()
            .map(|check| self.account(&check.subject, &check.rule).wait_us(now_us, &check.rule, check.amount))
            .collect();
        let longest = waits.iter().copied().max().unwrap_or(0);
        let refused = waits.iter().position(|wait| *wait == longest && longest > 0);
        match refused.map(|index| &take.checks[index]) {
            Some(check) => self.account(&check.subject, &check.rule).refusals.push((now_us, now_us + longest)),
            None => take.checks.iter().for_each(|check| {
                let account = self.account(&check.subject, &check.rule);
                account.admit(now_us, &check.rule, take, check.amount);
            }),
        }
        let standings: Vec<_> = take
            .checks
            .iter()
            .map(|check| self.account(&check.subject, &check.rule).standing(now_us, &check.rule))
            .collect();
        match refused {
            None => Verdict::Admitted { standings },
            Some(index) => Verdict::Refused(Refusal {
                rule: standings[index].rule.clone(),
                limit: standings[index].limit,
                used: standings[index].used,
                retry_after: Duration::from_micros(longest.unsigned_abs()),
                standings,
            }),
        }
    }

    pub(super) fn settle(&mut self, take: &Take, actual: Actual) {
        for check in &take.checks {
            let account = self.account(&check.subject, &check.rule);
            account.leases.remove(&take.turn.unwrap());
            for entry in account.quota.iter_mut().filter(|entry| entry.reserved_by == take.turn) {
                let amount = if matches!(check.rule.kind, Kind::Cost { .. }) { actual.cost } else { actual.tokens };
                *entry = Entry { window: entry.window.clone(), reserved_by: None, amount: amount.min(1 << 52) };
            }
        }
    }

    pub(super) fn release(&mut self, take: &Take) {
        let now_us = self.now_us;
        for check in &take.checks {
            let account = self.account(&check.subject, &check.rule);
            account.leases.remove(&take.turn.unwrap());
            account.quota.retain(|entry| entry.reserved_by != take.turn);
            if matches!(check.rule.kind, Kind::Messages { .. }) {
                account.messages.push((now_us, -1));
            }
        }
    }

    pub(super) fn renew(&mut self, takes: &[&Take], ttl: Duration) -> Vec<bool> {
        let until = self.now_us + i64::try_from(ttl.as_micros()).unwrap();
        let mut answers = vec![];
        for take in takes {
            let mut all = true;
            for check in take.checks.iter().filter(|check| check.rule.kind == Kind::Turns) {
                let now_us = self.now_us;
                let leases = &mut self.account(&check.subject, &check.rule).leases;
                match leases.get_mut(&take.turn.unwrap()) {
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

    pub(super) fn show(&mut self, subject: &Subject, rules: &[Arc<Rule>]) -> Shown {
        let now_us = self.now_us;
        let standings = rules.iter().map(|rule| self.account(subject, rule).standing(now_us, rule)).collect();
        let accounts = self.accounts.iter().filter(|((owner, _), _)| owner == subject);
        let violations = accounts.filter_map(|((_, rule), account)| account.violation(now_us, rule)).collect();
        Shown { standings, violations }
    }

    fn account(&mut self, subject: &Subject, rule: &Rule) -> &mut Account {
        self.accounts.entry((subject.clone(), rule.name.clone())).or_default()
    }
}

impl Account {
    fn admit(&mut self, now_us: i64, rule: &Rule, take: &Take, amount: u64) {
        let turn = take.turn.unwrap();
        match rule.kind {
            Kind::Messages { .. } => self.messages.push((now_us, 1)),
            Kind::Turns => {
                self.leases.insert(turn, now_us + i64::try_from(take.lease_ttl.as_micros()).unwrap());
            }
            Kind::Tokens { period } | Kind::Cost { period } => {
                self.quota.push(Entry { window: window(period, now_us).0, reserved_by: Some(turn), amount });
            }
        }
    }

    fn wait_us(&self, now_us: i64, rule: &Rule, amount: u64) -> i64 {
        match rule.kind {
            Kind::Messages { .. } => {
                // A bucket of `max` drops that loses one every interval: wait until one more fits.
                let interval = interval(rule);
                (self.backlog_us(now_us, interval) - interval * (i64::try_from(rule.max).unwrap() - 1)).max(0)
            }
            Kind::Turns => i64::from(self.used(now_us, rule) >= rule.max) * 1_000_000,
            Kind::Tokens { period } | Kind::Cost { period } => {
                let fits = u128::from(self.used(now_us, rule)) + u128::from(amount) <= u128::from(rule.max);
                if fits { 0 } else { window(period, now_us).1 - now_us }
            }
        }
    }

    /// The bucket's level now, as the time that it takes to run dry.
    fn backlog_us(&self, now_us: i64, interval: i64) -> i64 {
        let mut before = i64::MIN / 2;
        let mut level = 0;
        for (at, more) in self.messages.iter().chain([&(now_us, 0)]) {
            level = (level - (at - before).min(level)).max(0);
            level = (level + more * interval).max(0);
            before = *at;
        }
        level
    }

    fn used(&self, now_us: i64, rule: &Rule) -> u64 {
        match rule.kind {
            Kind::Messages { .. } => {
                let (backlog, interval) = (self.backlog_us(now_us, interval(rule)), interval(rule));
                (0..).find(|used| used * interval >= backlog).unwrap().unsigned_abs()
            }
            Kind::Turns => self.leases.values().filter(|end| **end > now_us).count() as u64,
            Kind::Tokens { period } | Kind::Cost { period } => {
                let current = window(period, now_us).0;
                let entries = self.quota.iter().filter(|entry| entry.window == current);
                let (reserved, spent): (Vec<_>, Vec<_>) = entries.partition(|entry| entry.reserved_by.is_some());
                let sum = |entries: Vec<&Entry>| entries.iter().map(|entry| entry.amount).sum::<u64>();
                sum(reserved) + sum(spent).min(1 << 52)
            }
        }
    }

    fn standing(&self, now_us: i64, rule: &Rule) -> Standing {
        let used = self.used(now_us, rule);
        let seconds = |us: i64| Some(us.unsigned_abs().div_ceil(1_000_000));
        let (window_secs, reset_secs) = match rule.kind {
            Kind::Messages { window } => (Some(window.as_secs()), seconds(self.backlog_us(now_us, interval(rule)))),
            Kind::Turns => (None, None),
            Kind::Tokens { period } | Kind::Cost { period } => {
                let fixed = (period == Period::Day).then_some(24 * 60 * 60);
                (fixed, seconds(window(period, now_us).1 - now_us))
            }
        };
        let remaining = rule.max.saturating_sub(used);
        Standing { rule: rule.name.clone(), limit: rule.max, used, remaining, window_secs, reset_secs }
    }

    /// Refusals are forgotten when a whole day has passed without one.
    fn violation(&self, now_us: i64, rule: &str) -> Option<Violation> {
        let mut count = 0;
        let mut next = now_us;
        for (at, _) in self.refusals.iter().rev() {
            if next - at >= super::DAY {
                break;
            }
            count += 1;
            next = *at;
        }
        let (last, until) = self.refusals.last().filter(|_| count > 0)?;
        Some(Violation { rule: rule.to_owned(), count, last: time(*last), until: time(*until) })
    }
}

/// The smallest whole time that `max` times is at least the window.
fn interval(rule: &Rule) -> i64 {
    let Kind::Messages { window } = rule.kind else { panic!("{rule:?} has no interval") };
    i64::try_from(window.as_micros().div_ceil(u128::from(rule.max))).unwrap()
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
