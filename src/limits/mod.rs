//! Limits: what the rules are, whether a request may pass, and the counters behind it.
//!
//! A `LimitRequest` names all that one request needs; `decide` answers it in one step, all or nothing. The counters have two homes.
//! For Redis, `RedisCounters` runs the same decision as a script on Redis' clock. For the database, the pure
//! functions here (`decide_restored`, `settle`, `release`, `renew`, `show`, `forget`) are called inside a transaction that loads and stores
//! `Counters`; this module neither knows nor imports `store`. Which home is in charge is `app`'s affair.

pub use self::{
    decide::decide,
    fields::forget,
    headers::{rate_limit, rate_limit_policy},
    reconcile::OrphanedReservation,
    redis::RedisCounters,
    request::{Actual, AnswerLength, Check, LEASE, LONGEST_WINDOW, LimitRequest, LimitUsage, Refusal, Verdict},
    restore::{Incomplete, Restoration, TRUSTED_FOR, decide_restored, incomplete, restore},
    rule::{Kind, MaxOverride, Period, Rule},
    settle::{release, renew, settle},
    show::{Shown, is_recent, show},
    subject::Subject,
};

mod ahead;
#[cfg(test)]
pub(crate) mod conformance;
mod decide;
mod fields;
mod headers;
mod reconcile;
mod redis;
mod request;
mod restore;
mod rule;
mod settle;
mod show;
mod subject;
mod window;
