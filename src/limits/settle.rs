//! The end of an admitted request: renewed while its turn runs, settled when it ends, released when it never began.
//! Pure; `renew.lua` and `settle.lua` do the same for Redis.

use std::time::Duration;

use super::{
    fields::{self, Fields},
    request::{Actual, Check, LimitRequest},
    rule::{Kind, Rule},
    subject::Subject,
};
use crate::model::{Counter, CounterState};

/// Settles an ended turn: its leases go, its reservations become its actual usage, in the window they were made in. A
/// second time it does nothing. After a `reset` it charges nothing.
pub fn settle(now_us: i64, request: &LimitRequest, actual: Actual, counters: &mut CounterState) {
    finish(now_us, request, counters, |fields, check| {
        if let Some((name, reservation, window)) = fields::reservation(fields, &check.rule.name, &request.member()) {
            fields.remove(&name);
            let spent = fields::spent(&check.rule.name, window);
            let sum = fields::value(fields, &spent).unwrap_or(0) + actual.of(check.rule.kind);
            let value = sum.min(Rule::MAX_COUNT);
            fields.insert(spent, Counter { value, expires_us: reservation.expires_us });
        }
    });
}

/// Releases all that a turn took that never began (its conversation is busy, the database is unavailable). To be called
/// once, and for an admitted request only.
///
/// For messages the arrival time moves back by what it moved forward, at its current pace, though not before now. GCRA
/// keeps a sum and no single requests, so where others were admitted in between, they may gain up to the time between
/// taking and releasing: the milliseconds of an admission that failed.
pub fn release(now_us: i64, request: &LimitRequest, counters: &mut CounterState) {
    finish(now_us, request, counters, |fields, check| match check.rule.kind {
        Kind::Messages { .. } => {
            let name = fields::tat(&check.rule.name);
            if let Some(Counter { value: pace_us, expires_us }) = fields.remove(&name) {
                let tat = expires_us - pace_us * check.bounded_amount();
                if tat > now_us {
                    fields.insert(name, Counter { value: pace_us, expires_us: tat });
                }
            }
        }
        Kind::Turns => {}
        Kind::Tokens { .. } | Kind::Cost { .. } => {
            if let Some((name, ..)) = fields::reservation(fields, &check.rule.name, &request.member()) {
                fields.remove(&name);
            }
        }
    });
}

/// Drops the leases, and calls `what` for each check.
fn finish(now_us: i64, request: &LimitRequest, counters: &mut CounterState, what: impl Fn(&mut Fields, &Check)) {
    fields::expire(now_us, counters);
    for check in &request.checks {
        if let Some(fields) = counters.of.get_mut(&check.subject.to_string()) {
            fields.remove(&fields::lease(&check.rule.name, &request.member()));
            what(fields, check);
        }
    }
}

/// Extends the leases of running turns to `ttl` from now. Returns for each request whether all of its leases were still
/// there; one that is gone stays gone, because its place may be taken.
pub fn renew(now_us: i64, takes: &[&LimitRequest], ttl: Duration, counters: &mut CounterState) -> Vec<bool> {
    fields::expire(now_us, counters);
    let until = now_us + i64::try_from(ttl.as_micros()).unwrap_or(0);
    let renewed = |request: &&LimitRequest| {
        leases(request).fold(true, |all, (subject, field)| {
            let lease = counters.of.get_mut(&subject.to_string()).and_then(|fields| fields.get_mut(&field));
            let held = lease.is_some();
            if let Some(lease) = lease {
                *lease = Counter { value: until, expires_us: until };
            }
            all && held
        })
    };
    takes.iter().map(renewed).collect()
}

/// The subject and the field of each lease of a request.
pub(super) fn leases(request: &LimitRequest) -> impl Iterator<Item = (&Subject, String)> {
    let turns = request.checks.iter().filter(|check| check.rule.kind == Kind::Turns);
    turns.map(|check| (&check.subject, fields::lease(&check.rule.name, &request.member())))
}
