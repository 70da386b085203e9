//! The decision: may a request pass, and what does it take. Pure; `take.lua` says the same for Redis, step by step,
//! and `law` holds both against the rules.

use super::{
    ahead::forget_ahead,
    fields::{self, Fields},
    rule::{Kind, Period, interval_us},
    take::{Check, Reading, Take, Verdict},
    window::span,
};
use crate::model::{Breach, Counter, Counters};

/// Nobody knows when a running turn ends; a second is when it is worth asking again.
const TURN_WAIT_US: i64 = 1_000_000;

/// All or nothing: a refused request takes nothing from any counter, but the breach of the rule that refused it is
/// recorded. `counters` must hold all of `take.subjects()` that exist.
pub fn decide(now_us: i64, take: &Take, counters: &mut Counters) -> Verdict {
    fields::expire(now_us, counters);
    forget_ahead(now_us, &take.checks, counters);
    let refused = longest_wait(now_us, take, counters);
    match refused {
        None => take.checks.iter().for_each(|check| apply(now_us, take, check, counters)),
        Some((index, wait_us)) => counters.breaches.push(Breach {
            subject: take.checks[index].subject.to_string(),
            rule: take.checks[index].rule.name.clone(),
            at_us: now_us,
            until_us: now_us + wait_us,
        }),
    }
    let readings: Vec<_> = take.checks.iter().map(|check| check_reading(now_us, check, counters)).collect();
    Verdict::new(take, refused, &readings)
}

/// The check that has to wait longest, and how long; of several the first. `None`: all may pass.
fn longest_wait(now_us: i64, take: &Take, counters: &Counters) -> Option<(usize, i64)> {
    let mut longest = None;
    for (index, check) in take.checks.iter().enumerate() {
        let wait_us = wait_us(now_us, check, fields::of(counters, &check.subject.to_string()));
        if wait_us > longest.map_or(0, |(_, other_us)| other_us) {
            longest = Some((index, wait_us));
        }
    }
    longest
}

/// How long this check has to wait; 0 if it may pass. An exception that ends before it would admit the request leaves it
/// to the rule.
fn wait_us(now_us: i64, check: &Check, fields: &Fields) -> i64 {
    let wait = wait_under(check.most_at(now_us), now_us, check, fields);
    let waited = match check.exception_at(now_us).and_then(|exception| exception.until_us) {
        None => wait,
        Some(until_us) if wait.is_some_and(|wait| now_us + wait < until_us) => wait,
        Some(until_us) => wait_under(check.rule.most(), now_us, check, fields).map(|wait| wait.max(until_us - now_us)),
    };
    waited.unwrap_or_else(|| hopeless_wait(now_us, check))
}

/// The same where the maximum stays what it is; `None` if it never admits so much.
fn wait_under(max: i64, now_us: i64, check: &Check, fields: &Fields) -> Option<i64> {
    let (rule, amount) = (&check.rule.name, check.bounded_amount());
    if amount > max {
        return None;
    }
    Some(match check.rule.kind {
        Kind::Messages { .. } => {
            let Backlog { us, pace_us } = backlog(now_us, rule, fields);
            us.saturating_sub(pace_us.saturating_mul(max - amount)).max(0)
        }
        Kind::Turns => {
            if running(rule, fields) + amount > max {
                TURN_WAIT_US
            } else {
                0
            }
        }
        Kind::Tokens { period } | Kind::Cost { period } => {
            let reading = quota_reading(now_us, rule, period, fields);
            if reading.used + amount > max { reading.reset_us } else { 0 }
        }
    })
}

/// What is told where no waiting helps.
fn hopeless_wait(now_us: i64, check: &Check) -> i64 {
    match check.rule.kind {
        Kind::Messages { window } => interval_us(window, check.max_at(now_us)),
        Kind::Turns => TURN_WAIT_US,
        Kind::Tokens { period } | Kind::Cost { period } => span(period, now_us).end_us() - now_us,
    }
}

/// How much of a check's rule is in use. `counters` hold nothing that has expired.
pub(super) fn check_reading(now_us: i64, check: &Check, counters: &Counters) -> Reading {
    let (rule, fields) = (&check.rule.name, fields::of(counters, &check.subject.to_string()));
    let reading = match check.rule.kind {
        Kind::Messages { .. } => {
            let backlog = backlog(now_us, rule, fields);
            Reading { used: backlog.messages(), reset_us: backlog.us, is_excepted: false }
        }
        Kind::Turns => Reading { used: running(rule, fields), reset_us: 0, is_excepted: false },
        Kind::Tokens { period } | Kind::Cost { period } => quota_reading(now_us, rule, period, fields),
    };
    Reading { is_excepted: check.exception_at(now_us).is_some(), ..reading }
}

/// The messages in use, as the time until all of them are free again.
struct Backlog {
    us: i64,
    /// The time for each of them.
    pace_us: i64,
}

impl Backlog {
    fn messages(&self) -> i64 {
        if self.us == 0 { 0 } else { self.us.unsigned_abs().div_ceil(self.pace_us.unsigned_abs().max(1)) as i64 }
    }
}

/// An arrival time that is there is yet to come.
fn backlog(now_us: i64, rule: &str, fields: &Fields) -> Backlog {
    let tat = fields.get(&fields::tat(rule));
    tat.map_or(Backlog { us: 0, pace_us: 0 }, |tat| Backlog { us: tat.expires_us - now_us, pace_us: tat.value })
}

fn running(rule: &str, fields: &Fields) -> i64 {
    i64::try_from(fields::with_prefix(fields, &fields::lease(rule, "")).count()).unwrap_or(i64::MAX)
}

fn quota_reading(now_us: i64, rule: &str, period: Period, fields: &Fields) -> Reading {
    let span = span(period, now_us);
    let spent = fields::value(fields, &fields::spent(rule, span.start)).unwrap_or(0);
    let prefix = fields::reserved(rule, span.start, "");
    let reserved: i64 = fields::with_prefix(fields, &prefix).map(|(_, counter)| counter.value).sum();
    Reading { used: spent + reserved, reset_us: span.end_us() - now_us, is_excepted: false }
}

fn apply(now_us: i64, take: &Take, check: &Check, counters: &mut Counters) {
    let (rule, amount) = (&check.rule.name, check.bounded_amount());
    let fields = counters.of.entry(check.subject.to_string()).or_default();
    let (name, value, expires_us) = match check.rule.kind {
        Kind::Messages { window } => {
            let pace_us = interval_us(window, check.max_at(now_us));
            let backlog = backlog(now_us, rule, fields);
            // At another pace the messages in use stay as many.
            let us = if backlog.pace_us == pace_us { backlog.us } else { backlog.messages() * pace_us };
            (fields::tat(rule), pace_us, now_us + us + pace_us * amount)
        }
        Kind::Turns => {
            let until = now_us + i64::try_from(take.lease_ttl.as_micros()).unwrap_or(0);
            (fields::lease(rule, &take.member()), until, until)
        }
        Kind::Tokens { period } | Kind::Cost { period } => {
            let span = span(period, now_us);
            (fields::reserved(rule, span.start, &take.member()), amount, span.end_us())
        }
    };
    fields.insert(name, Counter { value, expires_us });
}
