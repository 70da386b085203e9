//! Conformance test of the counter backends: random operations go to a backend and to a plain model of the rules, which
//! must agree on every verdict, to the microsecond, and on what `show` returns after every step. Where a backend has to
//! be restored, by time or after a reset, the model is what is stored.

use std::{sync::Arc, time::Duration};

use proptest::prelude::*;

use super::{Actual, Check, Kind, LimitRequest, MaxOverride, ReplyLength, Rule, Shown, Subject, Verdict, rule::Period};
use crate::{
    config::Per,
    model::{StoredUse, StoredUseQuery, TurnId, UserId},
};
use model::Model;

mod backends;
mod database;
mod model;
mod race;

pub(super) const LEASE: Duration = Duration::from_secs(30);
const SECOND: i64 = 1_000_000;
const DAY: i64 = 24 * 60 * 60 * SECOND;

/// A backend under test, with a clock that the test sets: microseconds since 1970, never back.
pub(crate) trait CounterBackend {
    async fn set_clock(&mut self, now_us: i64);
    /// `None`: a subject has to be restored first.
    async fn take(&mut self, request: &LimitRequest) -> Option<Verdict>;
    /// Restores those subjects of these checks that need it, from the stored use.
    async fn restore(&mut self, checks: &[Check], stored: &impl Fn(&StoredUseQuery) -> StoredUse);
    async fn settle(&mut self, request: &LimitRequest, actual: Actual);
    async fn release(&mut self, request: &LimitRequest);
    async fn renew(&mut self, takes: &[&LimitRequest], ttl: Duration) -> Vec<bool>;
    async fn reset(&mut self, subject: &Subject);
    async fn show(&mut self, checks: &[Check]) -> Shown;
}

/// `usize` picks one of the admitted requests that have not ended.
#[derive(Clone, Debug)]
pub(crate) enum Op {
    LimitRequest {
        user: usize,
        /// The tokens and cost of the input, and of each token of the reply.
        input: (u64, u64),
        per_token: (u64, u64),
        length: ReplyLength,
    },
    /// `again`: a repetition must change nothing.
    Settle {
        nth: usize,
        actual: (u64, u64),
        again: bool,
    },
    Release {
        nth: usize,
    },
    /// All that run, and if `ended`, also one that has ended.
    Renew {
        ended: bool,
    },
    Reset {
        user: usize,
    },
    /// Sets an override, for so many microseconds or without an end.
    SetOverride {
        user: usize,
        rule: usize,
        max: u64,
        for_us: Option<i64>,
    },
    UnsetOverride {
        user: usize,
        rule: usize,
    },
    Wait {
        us: i64,
    },
    /// Until the time that the last refusal named, or the microsecond before it.
    WaitAsTold {
        less_us: i64,
    },
}

pub(crate) fn ops() -> impl Strategy<Value = Vec<Op>> {
    let amount = || prop_oneof![Just(0_u64), 1_u64..400, 400_u64..2_500, Just(u64::MAX)];
    let per_token = || prop_oneof![2 => Just(0_u64), 4 => Just(1), 3 => 2..40_u64, 1 => Just(u64::MAX)];
    let wait = || prop_oneof![0..5_i64, 0..2 * SECOND, 0..40 * SECOND, 0..2 * DAY, 0..40 * DAY];
    let max = prop_oneof![Just(0_u64), 1..4_u64, 4..20_u64, 400..9_000_u64];
    let op = prop_oneof![
        12 => (0..2_usize, (amount(), amount()), (per_token(), per_token()), length()).prop_map(
            |(user, (tokens, cost), per_token, length)| Op::LimitRequest { user, input: (tokens / 3, cost), per_token, length }
        ),
        3 => (any::<usize>(), (amount(), amount()), any::<bool>())
            .prop_map(|(nth, actual, again)| Op::Settle { nth, actual, again }),
        2 => any::<usize>().prop_map(|nth| Op::Release { nth }),
        1 => any::<bool>().prop_map(|ended| Op::Renew { ended }),
        1 => (0..2_usize).prop_map(|user| Op::Reset { user }),
        2 => (0..2_usize, 0..5_usize, max, proptest::option::of(wait()))
            .prop_map(|(user, rule, max, for_us)| Op::SetOverride { user, rule, max, for_us }),
        1 => (0..2_usize, 0..5_usize).prop_map(|(user, rule)| Op::UnsetOverride { user, rule }),
        4 => wait().prop_map(|us| Op::Wait { us }),
        3 => prop_oneof![Just(0), Just(1)].prop_map(|less_us| Op::WaitAsTold { less_us }),
    ];
    proptest::collection::vec(op, 1..60)
}

/// Requested, or to be cut to what is left.
fn length() -> impl Strategy<Value = ReplyLength> {
    let fixed = (0..600_u32).prop_map(|tokens| ReplyLength { least: tokens, most: tokens });
    let elastic = (0..100_u32, prop_oneof![0..1_000_u32, Just(u32::MAX - 100)]);
    prop_oneof![fixed, elastic.prop_map(|(least, more)| ReplyLength { least, most: least + more })]
}

/// Small rules of every kind, with a window that its maximum does not divide.
fn user_rules() -> Vec<Arc<Rule>> {
    let messages = |secs| Kind::Messages { window: Duration::from_secs(secs) };
    [
        ("second", 3, messages(1)),
        ("minute", 7, messages(60)),
        ("turns", 2, Kind::Turns),
        ("tokens", 1_000, Kind::Tokens { period: Period::Day }),
        ("cost", 5_000, Kind::Cost { period: Period::Month }),
    ]
    .map(|(name, max, kind)| Arc::new(Rule { name: name.to_owned(), per: Per::User, max, kind }))
    .to_vec()
}

/// Rules of a subject that both users share. Two have the names of users' rules; one name is a prefix of another.
fn common_rules() -> Vec<Arc<Rule>> {
    let second = Kind::Messages { window: Duration::from_secs(10) };
    [("second", 4, second), ("turns", 4, Kind::Turns), ("turns-here", 3, Kind::Turns)]
        .map(|(name, max, kind)| Arc::new(Rule { name: name.to_owned(), per: Per::Key, max, kind }))
        .to_vec()
}

/// Runs the operations on a backend, with fresh subjects, and panics where it departs from the model. `start_us` is the
/// clock's first time.
pub(crate) async fn check(backend: &mut impl CounterBackend, start_us: i64, ops: Vec<Op>) {
    let users = [Subject::User(UserId::new()), Subject::User(UserId::new())];
    let common = Subject::Key(crate::model::KeyId::new());
    let model = Model::new(start_us);
    let overrides = Default::default();
    let mut run = Run { backend, model, users, overrides, common, open: vec![], ended: vec![], told_us: 0 };
    run.backend.set_clock(start_us).await;
    for op in ops {
        run.step(&op).await;
        run.compare_standings(&op).await;
    }
}

struct Run<'a, H> {
    backend: &'a mut H,
    model: Model,
    users: [Subject; 2],
    /// Overrides of each user, by rule.
    overrides: [[Option<MaxOverride>; 5]; 2],
    common: Subject,
    open: Vec<LimitRequest>,
    ended: Vec<LimitRequest>,
    /// The time that the last refusal named.
    told_us: i64,
}

impl<H: CounterBackend> Run<'_, H> {
    async fn step(&mut self, op: &Op) {
        match *op {
            Op::LimitRequest { user, input, per_token, length } => self.take(user, input, per_token, length).await,
            Op::Settle { nth, actual: (tokens, cost), again } => {
                let Some(request) = self.end(nth) else { return };
                let actual = Actual { tokens, cost };
                for _ in 0..=usize::from(again) {
                    self.backend.settle(&request, actual).await;
                }
                self.model.settle(&request, actual);
            }
            Op::Release { nth } => {
                let Some(request) = self.end(nth) else { return };
                self.backend.release(&request).await;
                self.model.release(&request);
            }
            Op::Renew { ended } => {
                let takes: Vec<_> = self.open.iter().chain(self.ended.last().filter(|_| ended)).collect();
                let expected = self.model.renew(&takes, LEASE);
                assert_eq!(self.backend.renew(&takes, LEASE).await, expected, "renew");
            }
            Op::Reset { user } => {
                self.backend.reset(&self.users[user]).await;
                self.model.reset(&self.users[user]);
            }
            Op::SetOverride { user, rule, max, for_us } => {
                let until_us = for_us.map(|us| self.model.now_us + us);
                self.overrides[user][rule] = Some(MaxOverride { max, until_us });
            }
            Op::UnsetOverride { user, rule } => self.overrides[user][rule] = None,
            Op::Wait { us } => self.set_clock(self.model.now_us + us).await,
            Op::WaitAsTold { less_us } => {
                if self.told_us - less_us > self.model.now_us {
                    self.set_clock(self.told_us - less_us).await;
                }
            }
        }
    }

    async fn take(&mut self, user: usize, input: (u64, u64), per_token: (u64, u64), length: ReplyLength) {
        let mut checks = self.checks_of(user);
        checks.extend(self.common_checks());
        for check in &mut checks {
            (check.amount, check.per_token) = match check.rule.kind {
                Kind::Messages { .. } | Kind::Turns => (1, 0),
                Kind::Tokens { .. } => (input.0, per_token.0),
                Kind::Cost { .. } => (input.1, per_token.1),
            };
        }
        let request = LimitRequest::for_turn(TurnId::new(), LEASE, checks, length);
        let verdict = loop {
            if let Some(verdict) = self.backend.take(&request).await {
                break verdict;
            }
            let (model, ended) = (&self.model, &self.ended);
            let stored = |asked: &StoredUseQuery| model.stored_use(asked, ended);
            self.backend.restore(request.checks(), &stored).await;
        };
        let expected = self.model.take(&request);
        assert_eq!(verdict, expected, "take");
        match verdict {
            Verdict::Admitted { .. } => self.open.push(request),
            Verdict::Refused(refusal) => {
                let wait = refusal.retry_after.unwrap_or_default();
                self.told_us = self.model.now_us + i64::try_from(wait.as_micros()).unwrap();
            }
        }
    }

    fn end(&mut self, nth: usize) -> Option<LimitRequest> {
        let index = nth.checked_rem(self.open.len())?;
        let request = self.open.remove(index);
        self.ended.push(request.clone());
        Some(request)
    }

    async fn set_clock(&mut self, now_us: i64) {
        self.model.now_us = now_us;
        self.backend.set_clock(now_us).await;
    }

    fn checks_of(&self, user: usize) -> Vec<Check> {
        let (rules, overrides) = (user_rules().into_iter(), self.overrides[user]);
        let subject = &self.users[user];
        rules.zip(overrides).map(|(rule, max_override)| asked(subject, rule, max_override)).collect()
    }

    fn common_checks(&self) -> Vec<Check> {
        common_rules().into_iter().map(|rule| asked(&self.common, rule, None)).collect()
    }

    async fn compare_standings(&mut self, op: &Op) {
        let checks = [self.checks_of(0), self.common_checks(), self.checks_of(1)].concat();
        assert_eq!(self.backend.show(&checks).await, self.model.show(&checks), "after {op:?}");
    }
}

fn asked(subject: &Subject, rule: Arc<Rule>, max_override: Option<MaxOverride>) -> Check {
    Check { max_override, ..Check::of(subject.clone(), rule) }
}
