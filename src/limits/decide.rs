//! The admission decision: whether a request may pass, and what it takes. Pure; `take.lua` does the same for Redis,
//! step by step, and `conformance` tests both against the rules.

use super::{
    ahead::forget_ahead,
    fields::{self, Fields},
    request::{Check, LimitRequest, Reading, Verdict, Wait},
    rule::{Kind, Period, interval_us},
    window::span,
};
use crate::model::{Counter, CounterState, Violation, ViolationSummary};

/// The retry time for a running turn, whose end is unknown.
const TURN_WAIT_US: i64 = 1_000_000;

/// Decides all or nothing: a refused request takes nothing from any counter, but the violation of the rule that refused
/// it is recorded. `counters` must hold all of `request.subjects()` that exist.
pub fn decide(now_us: i64, request: &LimitRequest, counters: &mut CounterState) -> Verdict {
    fields::expire(now_us, counters);
    forget_ahead(now_us, &request.checks, counters);
    let decided = match longest_wait(now_us, request, counters) {
        None => Ok(longest_reply(now_us, request, counters)),
        Some(refused) => Err(refused),
    };
    match decided {
        Ok(length) => request.checks.iter().for_each(|check| apply(now_us, request, check, length, counters)),
        Err((index, wait)) => counters.violations.push(Violation {
            subject: request.checks[index].subject.to_string(),
            rule: request.checks[index].rule.name.clone(),
            at_us: now_us,
            until_us: match wait {
                Wait::Us(us) => now_us + us,
                Wait::Never => ViolationSummary::NEVER_US,
            },
        }),
    }
    let readings: Vec<_> = request.checks.iter().map(|check| check_reading(now_us, check, counters)).collect();
    Verdict::new(request, decided, &readings)
}

/// The check that has to wait longest, and how long; of several the first. `None`: all may pass.
fn longest_wait(now_us: i64, request: &LimitRequest, counters: &CounterState) -> Option<(usize, Wait)> {
    let mut longest = None;
    for (index, check) in request.checks.iter().enumerate() {
        let needed = check.bounded(check.reservation(request.length.least));
        let wait = wait(now_us, check, needed, fields::of(counters, &check.subject.to_string()));
        if wait > longest.map_or(Wait::NONE, |(_, other)| other) {
            longest = Some((index, wait));
        }
    }
    longest
}

/// The longest reply that is wanted and that every quota has room for. All may pass, so there is room for the shortest.
fn longest_reply(now_us: i64, request: &LimitRequest, counters: &CounterState) -> u32 {
    let lengths = request.checks.iter().filter(|check| check.per_token > 0).map(|check| {
        let Reading { used, reserved, .. } = check_reading(now_us, check, counters);
        (check.most_at(now_us) - used - reserved - check.bounded_amount()) / check.bounded_per_token()
    });
    let length = lengths.min().unwrap_or(i64::MAX).min(request.length.most.into());
    u32::try_from(length).unwrap_or(request.length.least)
}

/// How long this check has to wait. An override that ends before it would admit the request leaves it to the rule.
fn wait(now_us: i64, check: &Check, needed: i64, fields: &Fields) -> Wait {
    let wait = wait_under(check.most_at(now_us), now_us, check, needed, fields);
    match (check.max_override_at(now_us).and_then(|max_override| max_override.until_us), wait) {
        (None, wait) => wait,
        (Some(until_us), Wait::Us(us)) if now_us + us < until_us => wait,
        (Some(until_us), _) => match wait_under(check.rule.most(), now_us, check, needed, fields) {
            Wait::Us(us) => Wait::Us(us.max(until_us - now_us)),
            Wait::Never => Wait::Never,
        },
    }
}

/// The wait under a fixed maximum.
fn wait_under(max: i64, now_us: i64, check: &Check, needed: i64, fields: &Fields) -> Wait {
    let rule = &check.rule.name;
    if needed > max {
        return Wait::Never;
    }
    Wait::Us(match check.rule.kind {
        Kind::Messages { .. } => {
            let Backlog { us, pace_us } = backlog(now_us, rule, fields);
            us.saturating_sub(pace_us.saturating_mul(max - needed)).max(0)
        }
        Kind::Turns if running(rule, fields) + needed > max => TURN_WAIT_US,
        Kind::Turns => 0,
        Kind::Tokens { period } | Kind::Cost { period } => {
            let Reading { used, reserved, reset_us, .. } = quota_reading(now_us, rule, period, fields);
            if used + reserved + needed <= max {
                0
            } else if used + needed <= max {
                // Only running turns stand in the way, and most are charged less than their worst case.
                TURN_WAIT_US.min(reset_us)
            } else {
                reset_us
            }
        }
    })
}

/// How much of a check's rule is in use. `counters` hold nothing that has expired.
pub(super) fn check_reading(now_us: i64, check: &Check, counters: &CounterState) -> Reading {
    let (rule, fields) = (&check.rule.name, fields::of(counters, &check.subject.to_string()));
    let reading = match check.rule.kind {
        Kind::Messages { .. } => {
            let backlog = backlog(now_us, rule, fields);
            Reading { used: backlog.messages(), reserved: 0, reset_us: backlog.us, is_overridden: false }
        }
        Kind::Turns => Reading { used: running(rule, fields), reserved: 0, reset_us: 0, is_overridden: false },
        Kind::Tokens { period } | Kind::Cost { period } => quota_reading(now_us, rule, period, fields),
    };
    Reading { is_overridden: check.max_override_at(now_us).is_some(), ..reading }
}

/// The messages in use, as the time until all of them are free again.
struct Backlog {
    us: i64,
    /// The interval of each of them.
    pace_us: i64,
}

impl Backlog {
    fn messages(&self) -> i64 {
        if self.us == 0 { 0 } else { self.us.unsigned_abs().div_ceil(self.pace_us.unsigned_abs().max(1)) as i64 }
    }
}

/// A stored arrival time is in the future.
fn backlog(now_us: i64, rule: &str, fields: &Fields) -> Backlog {
    let tat = fields.get(&fields::tat(rule));
    tat.map_or(Backlog { us: 0, pace_us: 0 }, |tat| Backlog { us: tat.expires_us - now_us, pace_us: tat.value })
}

fn running(rule: &str, fields: &Fields) -> i64 {
    i64::try_from(fields::with_prefix(fields, &fields::lease(rule, "")).count()).unwrap_or(i64::MAX)
}

fn quota_reading(now_us: i64, rule: &str, period: Period, fields: &Fields) -> Reading {
    let span = span(period, now_us);
    let used = fields::value(fields, &fields::spent(rule, span.start)).unwrap_or(0);
    let prefix = fields::reserved(rule, span.start, "");
    let reserved = fields::with_prefix(fields, &prefix).map(|(_, counter)| counter.value).sum();
    Reading { used, reserved, reset_us: span.end_us() - now_us, is_overridden: false }
}

fn apply(now_us: i64, request: &LimitRequest, check: &Check, length: u32, counters: &mut CounterState) {
    let (rule, amount) = (&check.rule.name, check.bounded(check.reservation(length)));
    let fields = counters.of.entry(check.subject.to_string()).or_default();
    let (name, value, expires_us) = match check.rule.kind {
        Kind::Messages { window } => {
            let pace_us = interval_us(window, check.max_at(now_us));
            let backlog = backlog(now_us, rule, fields);
            // At another pace the number of messages in use stays.
            let us = if backlog.pace_us == pace_us { backlog.us } else { backlog.messages() * pace_us };
            (fields::tat(rule), pace_us, now_us + us + pace_us * amount)
        }
        Kind::Turns => {
            let until = now_us + i64::try_from(request.lease_ttl.as_micros()).unwrap_or(0);
            (fields::lease(rule, &request.member()), until, until)
        }
        Kind::Tokens { period } | Kind::Cost { period } => {
            let span = span(period, now_us);
            (fields::reserved(rule, span.start, &request.member()), amount, span.end_us())
        }
    };
    fields.insert(name, Counter { value, expires_us });
}
