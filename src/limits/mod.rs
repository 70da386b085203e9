//! Rate limits and quotas: the rules, the admission decision, and the counters.
//!
//! A `LimitRequest` names all that one request needs; `decide` decides it in one step, all or nothing. There are two
//! counter backends. For Redis, `RedisCounters` runs the same decision as a script on Redis' clock. For the database,
//! the pure functions here (`decide_restored`, `settle`, `release`, `renew`, `show`, `forget`) are called inside a
//! transaction that loads and stores `Counters`; this module neither knows nor imports `store`. `app` selects the
//! backend.

pub use self::{
    counters::{Counters, Error, Reservation},
    fields::forget,
    headers::{rate_limit, rate_limit_policy},
    request::{Actual, Check, LONGEST_WINDOW, LimitRequest, LimitUsage, Refusal, ReplyLength, Verdict},
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
