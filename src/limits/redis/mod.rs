//! The Redis counter backend: one hash per subject, one script and one round trip per operation.
//!
//! The scripts implement `decide` and `settle`; this module encodes their arguments and decodes their results.

use std::{
    collections::HashMap,
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

use redis::{Script, ScriptInvocation};

use super::{
    request::{Actual, Check, LimitRequest, Reading, Verdict, Wait},
    rule::{Kind, Period, interval_us},
    settle::leases,
    subject::Subject,
};
use crate::redis::{RedisLink, Unavailable};

mod epoch;
mod orphaned_reservations;
mod reset;
mod restore;
mod show;
mod violations;

const VIOLATIONS: &str = "{mcpchat}:violations";
const EPOCH: &str = "{mcpchat}:epoch";

/// The counters in Redis; cheap to clone.
#[derive(Clone)]
pub struct RedisCounters {
    link: RedisLink,
    /// The connection on which the epoch was checked.
    known: Arc<AtomicU64>,
    scripts: Arc<Scripts>,
}

struct Scripts {
    request: Script,
    record: Script,
    settle: Script,
    renew: Script,
    show: Script,
    forget: Script,
    scan: Script,
    orphaned_reservations: Script,
    restore: Script,
    begin_epoch: Script,
    /// The keys of the violations, and of their order.
    violations: [String; 2],
    /// The key of the unsettled reservations.
    to_settle: String,
    /// The key of the epoch of the data.
    epoch: String,
}

impl Scripts {
    fn new(clock: &str, violations: &str, to_settle: &str) -> Self {
        let epoch = format!("{violations}:epoch");
        let epoch = if violations == VIOLATIONS { EPOCH } else { &epoch };
        let said = format!("local VIOLATIONS = '{violations}'\nlocal EPOCH = '{epoch}'\n");
        let violation = include_str!("violation.lua");
        let with_state = |other_keys: usize, script: &str| {
            let others = format!("local OTHER_KEYS = {other_keys}\n");
            Script::new(&[clock, &others, include_str!("state.lua"), script].concat())
        };
        Self {
            request: with_state(
                1,
                &[&said, include_str!("ahead.lua"), include_str!("restored.lua"), violation, include_str!("take.lua")]
                    .concat(),
            ),
            record: Script::new(&[clock, &said, violation, include_str!("record.lua")].concat()),
            restore: with_state(1, &[&said, include_str!("restored.lua"), include_str!("restore.lua")].concat()),
            begin_epoch: Script::new(&[clock, include_str!("epoch.lua")].concat()),
            settle: with_state(1, include_str!("settle.lua")),
            renew: with_state(0, include_str!("renew.lua")),
            show: Script::new(&[clock, &said, include_str!("show.lua")].concat()),
            forget: Script::new(include_str!("forget.lua")),
            scan: Script::new(include_str!("scan.lua")),
            orphaned_reservations: Script::new(&[clock, include_str!("unsettled.lua")].concat()),
            violations: [violations.to_owned(), format!("{violations}:latest")],
            to_settle: to_settle.to_owned(),
            epoch: epoch.to_owned(),
        }
    }
}

/// The results of take.lua where a subject has to be restored first, and where there is no epoch.
const INCOMPLETE: i64 = -1;
const NO_EPOCH: i64 = -2;

impl RedisCounters {
    pub fn new(link: RedisLink) -> Self {
        Self {
            link,
            known: unknown(),
            scripts: Arc::new(Scripts::new(include_str!("clock.lua"), VIOLATIONS, "{mcpchat}:unsettled")),
        }
    }

    /// With another script in place of `clock.lua`, and violations of its own.
    #[cfg(test)]
    pub(super) fn with_clock(link: RedisLink, clock: &str, violations: &str) -> Self {
        let to_settle = format!("{violations}:unsettled");
        Self { link, known: unknown(), scripts: Arc::new(Scripts::new(clock, violations, &to_settle)) }
    }

    pub(super) fn is_up(&self) -> bool {
        self.link.is_up()
    }

    pub(super) fn ensure_up(&self) -> Result<(), Unavailable> {
        self.link.ensure_up()
    }

    /// As `limits::decide_restored`. On `Unavailable` it may have been taken or not.
    pub async fn take(&self, request: &LimitRequest) -> Result<Option<Verdict>, Unavailable> {
        self.look_at_epoch().await?;
        let mut answer = self.decide(request, 0).await?;
        if answer == [NO_EPOCH] {
            answer = self.decide(request, self.begin_epoch_if(false).await?).await?;
        }
        if answer == [INCOMPLETE] {
            return Ok(None);
        }
        if let [refused, wait_us, 1, ..] = answer[..]
            && refused > 0
            && let Some(check) = usize::try_from(refused).ok().and_then(|number| request.checks.get(number - 1))
        {
            self.record(check, wait_us).await;
        }
        verdict(request, &answer)
            .map(Some)
            .ok_or_else(|| Unavailable::Rejected("take.lua answered something else".to_owned()))
    }

    async fn decide(&self, request: &LimitRequest, epoch: i64) -> Result<Vec<i64>, Unavailable> {
        let mut call = self.scripts.request.prepare_invoke();
        let keys = Keys::of(&request.checks, &mut call);
        // An unneeded key would be one more that a cluster must have on one node while it migrates a slot.
        let reserves = request.checks.iter().any(|check| check.rule.kind.is_quota());
        match request.checks.first() {
            Some(check) if !reserves => call.key(check.subject.redis_key()),
            _ => call.key(&self.scripts.to_settle),
        };
        call.arg(request.member()).arg(micros(request.lease_ttl)).arg(request.length.most).arg(request.checks.len());
        call.arg(epoch);
        for check in &request.checks {
            let rule = &check.rule;
            let (kind, interval) = match rule.kind {
                Kind::Messages { window } => ("messages", interval_us(window, rule.max)),
                Kind::Turns => ("turns", 0),
                Kind::Tokens { period: Period::Day } | Kind::Cost { period: Period::Day } => ("day", 0),
                Kind::Tokens { period: Period::Month } | Kind::Cost { period: Period::Month } => ("month", 0),
            };
            call.arg(keys.position(&check.subject)).arg(&rule.name).arg(kind).arg(interval).arg(rule.most());
            call.arg(check.bounded(check.reservation(request.length.least)));
            call.arg(check.bounded_amount()).arg(check.bounded_per_token());
        }
        add_overrides(&request.checks, &mut call);
        self.link.script(&call).await
    }

    /// As `limits::settle`. Without reservations only leases are removed, which needs no script.
    pub async fn settle(&self, request: &LimitRequest, actual: Actual) -> Result<(), Unavailable> {
        if request.checks.iter().any(|check| check.rule.kind.is_quota()) {
            return self.finish("settle", request, actual).await;
        }
        let mut commands = redis::pipe();
        for (subject, field) in leases(request) {
            commands.hdel(subject.redis_key(), field).ignore();
        }
        if commands.is_empty() {
            return Ok(());
        }
        self.link.run(async |mut connection| commands.query_async(&mut connection).await).await
    }

    /// As `limits::release`; not to be repeated on `Unavailable`.
    pub async fn release(&self, request: &LimitRequest) -> Result<(), Unavailable> {
        self.finish("release", request, Actual::default()).await
    }

    async fn finish(&self, how: &str, request: &LimitRequest, actual: Actual) -> Result<(), Unavailable> {
        let mut call = self.scripts.settle.prepare_invoke();
        let keys = Keys::of(&request.checks, &mut call);
        call.key(&self.scripts.to_settle).arg(how).arg(request.member());
        for check in &request.checks {
            let (kind, number) = match check.rule.kind {
                Kind::Messages { .. } => ("messages", check.bounded_amount()),
                Kind::Turns => ("turns", 0),
                Kind::Tokens { .. } | Kind::Cost { .. } => ("quota", actual.of(check.rule.kind)),
            };
            call.arg(keys.position(&check.subject)).arg(&check.rule.name).arg(kind).arg(number);
        }
        self.link.script::<()>(&call).await
    }

    /// As `limits::renew`.
    pub async fn renew(&self, takes: &[&LimitRequest], ttl: Duration) -> Result<Vec<bool>, Unavailable> {
        let mut call = self.scripts.renew.prepare_invoke();
        let keys = Keys::of(takes.iter().flat_map(|request| &request.checks), &mut call);
        call.arg(micros(ttl));
        for (subject, field) in takes.iter().flat_map(|request| leases(request)) {
            call.arg(keys.position(subject)).arg(field);
        }
        let held: Vec<bool> = self.link.script(&call).await?;
        let mut held = held.into_iter();
        let all_held = |request: &&LimitRequest| leases(request).fold(true, |all, _| held.next() == Some(true) && all);
        Ok(takes.iter().map(all_held).collect())
    }
}

/// A number that no connection has.
fn unknown() -> Arc<AtomicU64> {
    Arc::new(AtomicU64::new(u64::MAX))
}

/// Adds the overrides; the script decides by its clock which are in force.
fn add_overrides(checks: &[Check], call: &mut ScriptInvocation<'_>) {
    for (index, check) in checks.iter().enumerate() {
        let Some(max_override) = check.max_override else { continue };
        let interval = match check.rule.kind {
            Kind::Messages { window } => interval_us(window, max_override.max),
            Kind::Turns | Kind::Tokens { .. } | Kind::Cost { .. } => 0,
        };
        call.arg(index + 1).arg(interval).arg(max_override.most()).arg(max_override.until_us.unwrap_or(0));
    }
}

/// The subjects' positions among a script's `KEYS`, each once, from 1.
struct Keys<'a>(HashMap<&'a Subject, usize>);

impl<'a> Keys<'a> {
    fn of(checks: impl IntoIterator<Item = &'a Check>, call: &mut ScriptInvocation<'_>) -> Self {
        let mut places = HashMap::new();
        for check in checks {
            let next = places.len() + 1;
            places.entry(&check.subject).or_insert_with_key(|subject| {
                call.key(subject.redis_key());
                next
            });
        }
        Self(places)
    }

    fn position(&self, subject: &Subject) -> usize {
        self.0[subject]
    }
}

fn verdict(request: &LimitRequest, answer: &[i64]) -> Option<Verdict> {
    let (&[refused, wait_us, length], readings) = answer.split_first_chunk()?;
    let reading = |&[used, reserved, reset_us, excepted]: &[i64; 4]| Reading {
        used,
        reserved,
        reset_us,
        is_overridden: excepted == 1,
    };
    let readings: Vec<_> = readings.as_chunks().0.iter().map(reading).collect();
    let decided = match usize::try_from(refused).ok()?.checked_sub(1) {
        None => Ok(u32::try_from(length).ok()?),
        Some(index) if index < request.checks.len() => {
            Err((index, if wait_us < 0 { Wait::Never } else { Wait::Us(wait_us) }))
        }
        Some(_) => return None,
    };
    (readings.len() == request.checks.len()).then(|| Verdict::new(request, decided, &readings))
}

fn micros(time: Duration) -> i64 {
    i64::try_from(time.as_micros()).unwrap_or(0)
}
