//! Restoring incomplete counters: Redis may lose its data, whole or in part, and what one backend counts is unknown to
//! the other. A subject is trusted while it has the field `restored`; without it nothing is admitted for a turn until
//! its counters are replaced by the stored use (`StoredUse`). In Redis the field holds the epoch of the data, which
//! changes where none of it can be trusted (`redis/epoch.rs`).
//!
//! Message windows below an hour start again; logins are counted by such rules only, and are never restored.

use std::{collections::HashSet, time::Duration};

use super::{
    decide::decide,
    fields::{self, Fields, RESTORED},
    request::{Check, LimitRequest, Verdict},
    rule::{Kind, Period, interval_us},
    subject::Subject,
    window::span,
};
use crate::model::{
    CountedBy, Counter, CounterState, Counting, LEASE, RuleUse, RunningUse, StoredUse, StoredUseQuery, TurnId,
};

/// How long a restored subject is trusted at most. Then it is restored again, to correct any drift.
pub const TRUSTED_FOR: Duration = Duration::from_secs(24 * 60 * 60);

/// As `decide`; `None`: one of the subjects has to be restored first, and nothing was decided.
pub fn decide_restored(now_us: i64, request: &LimitRequest, counters: &mut CounterState) -> Option<Verdict> {
    fields::expire(now_us, counters);
    let is_known = request.turn.is_none() || incomplete(now_us, None, &request.checks, counters).is_empty();
    is_known.then(|| decide(now_us, request, counters))
}

/// A subject that has to be restored.
pub struct Incomplete {
    subject: Subject,
    by: CountedBy,
    checks: Vec<Check>,
    /// The turns that hold leases or reservations.
    turns: Vec<TurnId>,
    now_us: i64,
    epoch: i64,
}

/// The subjects that have to be restored before these checks can be decided. `epoch`: of the data; `None` where there
/// is only one.
pub fn incomplete(now_us: i64, epoch: Option<i64>, checks: &[Check], counters: &CounterState) -> Vec<Incomplete> {
    let mut found: Vec<Incomplete> = Vec::new();
    for check in checks.iter().filter(|check| check.rule.is_restored()) {
        let known = fields::of(counters, &check.subject.to_string());
        let Some(by) = check.subject.counted_by().filter(|_| !is_restored(now_us, epoch, known)) else { continue };
        match found.iter_mut().find(|one| one.subject == check.subject) {
            Some(one) => one.checks.push(check.clone()),
            None => found.push(Incomplete {
                subject: check.subject.clone(),
                by,
                checks: vec![check.clone()],
                turns: holders(known),
                now_us,
                epoch: epoch.unwrap_or_default(),
            }),
        }
    }
    found
}

fn is_restored(now_us: i64, epoch: Option<i64>, fields: &Fields) -> bool {
    fields.get(RESTORED).is_some_and(|marker| {
        let latest = now_us + i64::try_from(TRUSTED_FOR.as_micros()).unwrap_or(0);
        (now_us + 1..=latest).contains(&marker.expires_us) && epoch.is_none_or(|epoch| marker.value == epoch)
    })
}

fn holders(fields: &Fields) -> Vec<TurnId> {
    let held = fields.keys().filter(|name| name.starts_with("lease:") || name.starts_with("reserved:"));
    let turns: HashSet<TurnId> = held.filter_map(|name| name.rsplit(':').next()?.parse().ok()).collect();
    turns.into_iter().collect()
}

/// The new counters of a subject.
#[derive(Clone, Debug)]
pub struct Restoration {
    pub(super) subject: Subject,
    pub(super) epoch: i64,
    pub(super) now_us: i64,
    pub(super) until_us: i64,
    pub(super) dropped: Vec<String>,
    pub(super) written: Vec<(String, Counter)>,
    /// Turns that hold a reservation by it, to be settled.
    pub(super) reserved: Vec<TurnId>,
}

impl Incomplete {
    pub fn subject(&self) -> &Subject {
        &self.subject
    }

    pub fn question(&self) -> StoredUseQuery {
        let counting = |check: &Check| match check.rule.kind {
            Kind::Messages { window } => Counting::Messages {
                interval_us: interval_us(window, check.max_at(self.now_us)),
                window_us: Kind::window_us(window),
            },
            Kind::Turns => Counting::Turns,
            Kind::Tokens { period } => Counting::Tokens { since_us: span(period, self.now_us).start_us() },
            Kind::Cost { period } => Counting::Cost { since_us: span(period, self.now_us).start_us() },
        };
        StoredUseQuery {
            by: self.by.clone(),
            subject: self.subject.to_string(),
            now_us: self.now_us,
            turns: self.turns.clone(),
            rules: self.checks.iter().map(|check| (check.rule.name.clone(), counting(check))).collect(),
        }
    }

    /// `trusted_for`: after that it is restored again.
    pub fn restoration(&self, stored: &StoredUse, trusted_for: Duration) -> Restoration {
        let mut made = Restoration {
            subject: self.subject.clone(),
            epoch: self.epoch,
            now_us: self.now_us,
            until_us: self.now_us + i64::try_from(trusted_for.as_micros()).unwrap_or(0),
            dropped: Vec::new(),
            written: Vec::new(),
            reserved: Vec::new(),
        };
        for (check, found) in self.checks.iter().zip(&stored.rules) {
            let counted = Counted { check, found, stored, now_us: self.now_us };
            match check.rule.kind {
                Kind::Messages { window } => {
                    // Turns that are admitted, but not stored yet.
                    let to_come = self.turns.iter().filter(|turn| !is_stored(stored, **turn)).count();
                    counted.messages(window, to_come, &mut made);
                }
                Kind::Turns => counted.leases(&mut made),
                Kind::Tokens { period } => counted.quota(period, |one| one.tokens, &mut made),
                Kind::Cost { period } => counted.quota(period, |one| one.cost, &mut made),
            }
        }
        made
    }
}

/// The stored use under one rule.
struct Counted<'a> {
    check: &'a Check,
    found: &'a RuleUse,
    stored: &'a StoredUse,
    now_us: i64,
}

impl Counted<'_> {
    /// Running turns begun after the last reset, in this window.
    fn running(&self) -> impl Iterator<Item = &RunningUse> {
        self.stored.running.iter().filter(|one| began_us(one.turn) >= self.found.since_us)
    }

    fn messages(&self, window: Duration, to_come: usize, made: &mut Restoration) {
        let pace = interval_us(window, self.check.max_at(self.now_us));
        let us = self.found.amount.max(0) + pace.saturating_mul(i64::try_from(to_come).unwrap_or(0));
        let us = us.min(Kind::window_us(window).max(pace));
        made.set(fields::tat(&self.check.rule.name), pace, if us > 0 { self.now_us + us } else { 0 });
    }

    fn leases(&self, made: &mut Restoration) {
        let until = self.now_us + i64::try_from(LEASE.as_micros()).unwrap_or(0);
        let field = |turn: TurnId| fields::lease(&self.check.rule.name, &turn.to_string());
        self.running().for_each(|one| made.set(field(one.turn), until, until));
        made.dropped.extend(self.stored.ended.iter().map(|turn| field(*turn)));
    }

    fn quota(&self, period: Period, worst: fn(&RunningUse) -> i64, made: &mut Restoration) {
        let (rule, span) = (&self.check.rule.name, span(period, self.now_us));
        let field = |turn: TurnId| fields::reserved(rule, span.start, &turn.to_string());
        made.set(fields::spent(rule, span.start), self.found.amount, span.end_us());
        for one in self.running() {
            made.set(field(one.turn), worst(one), span.end_us());
            if !made.reserved.contains(&one.turn) {
                made.reserved.push(one.turn);
            }
        }
        made.dropped.extend(self.stored.ended.iter().map(|turn| field(*turn)));
    }
}

fn is_stored(stored: &StoredUse, turn: TurnId) -> bool {
    stored.ended.contains(&turn) || stored.running.iter().any(|one| one.turn == turn)
}

fn began_us(turn: TurnId) -> i64 {
    turn.made_at().map_or(i64::MAX, |made| made.timestamp_micros())
}

impl Restoration {
    /// Sets a field; `expires_us` 0 drops it.
    fn set(&mut self, field: String, value: i64, expires_us: i64) {
        if expires_us > 0 {
            self.written.push((field, Counter { value, expires_us }));
        } else {
            self.dropped.push(field);
        }
    }
}

/// Replaces the counters by the stored use, unless another process has done so meanwhile.
pub fn restore(now_us: i64, restoration: &Restoration, counters: &mut CounterState) {
    fields::expire(now_us, counters);
    let fields = counters.of.entry(restoration.subject.to_string()).or_default();
    if is_restored(now_us, Some(restoration.epoch), fields) {
        return;
    }
    fields.retain(|field, _| !restoration.dropped.contains(field));
    fields.extend(restoration.written.iter().cloned());
    let marker = Counter { value: restoration.epoch, expires_us: restoration.until_us };
    fields.insert(RESTORED.to_owned(), marker);
    fields::expire(now_us, counters);
}
