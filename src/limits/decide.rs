//! The decision: may a request pass, and what does it take. Pure; `take.lua` says the same for Redis, step by step,
//! and `law` holds both against the rules.

use super::{
    fields::{self, Fields, VIOLATION_US},
    rule::{Kind, Period, interval_us},
    take::{Check, Reading, Take, Verdict},
    window::span,
};
use crate::model::{Counter, Counters};

/// Nobody knows when a running turn ends; a second is when it is worth asking again.
const TURN_WAIT_US: i64 = 1_000_000;

/// All or nothing: a refused request takes nothing from any counter, but its violation is recorded with the rule that
/// refused it. `counters` must hold all of `take.subjects()` that exist.
pub fn decide(now_us: i64, take: &Take, counters: &mut Counters) -> Verdict {
    fields::expire(now_us, counters);
    let refused = longest_wait(now_us, take, counters);
    match refused {
        None => take.checks.iter().for_each(|check| apply(now_us, take, check, counters)),
        Some((index, wait_us)) => record_violation(now_us, &take.checks[index], wait_us, counters),
    }
    let readings: Vec<_> = take.checks.iter().map(|check| check_reading(now_us, check, counters)).collect();
    Verdict::new(take, refused, &readings)
}

/// The check that has to wait longest, and how long; of several the first. `None`: all may pass.
fn longest_wait(now_us: i64, take: &Take, counters: &Counters) -> Option<(usize, i64)> {
    let mut longest = None;
    for (index, check) in take.checks.iter().enumerate() {
        let wait_us = wait_us(now_us, check, counters);
        if wait_us > longest.map_or(0, |(_, other_us)| other_us) {
            longest = Some((index, wait_us));
        }
    }
    longest
}

/// How long this check has to wait; 0 if it may pass.
fn wait_us(now_us: i64, check: &Check, counters: &Counters) -> i64 {
    let Reading { level, reset_us } = check_reading(now_us, check, counters);
    let (amount, max) = (check.bounded_amount(), check.rule.most());
    match check.rule.kind {
        Kind::Messages { window } => {
            let interval = interval_us(window, check.rule.max);
            (level + interval * amount - interval * max).max(0)
        }
        Kind::Turns if level + amount > max => TURN_WAIT_US,
        Kind::Tokens { .. } | Kind::Cost { .. } if level + amount > max => reset_us,
        Kind::Turns | Kind::Tokens { .. } | Kind::Cost { .. } => 0,
    }
}

fn check_reading(now_us: i64, check: &Check, counters: &Counters) -> Reading {
    reading(now_us, &check.rule.name, check.rule.kind, fields::of(counters, &check.subject.to_string()))
}

/// How much of a rule is in use. `fields` holds nothing that has expired; so an arrival time in it is yet to come.
pub(super) fn reading(now_us: i64, rule: &str, kind: Kind, fields: &Fields) -> Reading {
    match kind {
        Kind::Messages { .. } => {
            let backlog = fields::value(fields, &fields::tat(rule)).map_or(0, |tat| tat - now_us);
            Reading { level: backlog, reset_us: backlog }
        }
        Kind::Turns => {
            let running = fields::with_prefix(fields, &fields::lease(rule, "")).count();
            Reading { level: i64::try_from(running).unwrap_or(i64::MAX), reset_us: 0 }
        }
        Kind::Tokens { period } | Kind::Cost { period } => quota_reading(now_us, rule, period, fields),
    }
}

fn quota_reading(now_us: i64, rule: &str, period: Period, fields: &Fields) -> Reading {
    let span = span(period, now_us);
    let spent = fields::value(fields, &fields::spent(rule, span.start)).unwrap_or(0);
    let prefix = fields::reserved(rule, span.start, "");
    let reserved: i64 = fields::with_prefix(fields, &prefix).map(|(_, counter)| counter.value).sum();
    Reading { level: spent + reserved, reset_us: span.end_us() - now_us }
}

fn apply(now_us: i64, take: &Take, check: &Check, counters: &mut Counters) {
    let (rule, amount) = (&check.rule.name, check.bounded_amount());
    let fields = counters.entry(check.subject.to_string()).or_default();
    let (name, value, expires_us) = match check.rule.kind {
        Kind::Messages { window } => {
            let name = fields::tat(rule);
            let from = fields::value(fields, &name).unwrap_or(now_us);
            let tat = from + interval_us(window, check.rule.max) * amount;
            (name, tat, tat)
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

fn record_violation(now_us: i64, check: &Check, wait_us: i64, counters: &mut Counters) {
    let rule = &check.rule.name;
    let fields = counters.entry(check.subject.to_string()).or_default();
    let count = fields::value(fields, &fields::violation(rule, "count")).unwrap_or(0) + 1;
    for (part, value) in [("count", count), ("last", now_us), ("until", now_us + wait_us)] {
        fields.insert(fields::violation(rule, part), Counter { value, expires_us: now_us + VIOLATION_US });
    }
}
