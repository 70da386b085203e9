//! Limits: what the rules are, whether a request may pass, and the counters behind it.
//!
//! A `LimitRequest` names all that one request needs; `decide` answers it in one step, all or nothing. `Counters` is the one
//! way to count: it keeps counters in Redis or in the database. For Redis, `RedisCounters` runs the same decision as a script
//! on Redis' clock. For the database, the pure functions here are called inside a transaction that loads and stores a
//! `CounterState`. Both backends are held to one set of conformance tests.

pub use self::{
    counters::{Counters, Error, Reservation},
    fields::forget,
    headers::{rate_limit, rate_limit_policy},
    request::{Actual, AnswerLength, Check, LEASE, LONGEST_WINDOW, LimitRequest, LimitUsage, Refusal, Verdict},
    rule::{Kind, MaxOverride, Period, Rule},
    show::Shown,
    subject::Subject,
};
use self::{
    decide::decide,
    orphaned_reservation::OrphanedReservation,
    redis::RedisCounters,
    restore::{Incomplete, Restoration, TRUSTED_FOR, decide_restored, incomplete, restore},
    settle::{release, renew, settle},
    show::{is_recent, show},
};

mod ahead;
#[cfg(test)]
mod conformance;
mod counters;
mod decide;
mod fields;
mod headers;
mod orphaned_reservation;
mod redis;
mod request;
mod restore;
mod rule;
mod settle;
mod show;
mod subject;
mod window;
