//! Limits as the flows use them: which rules hold for what, and in which home they are counted. Redis if there is one;
//! the database if there is none, or while Redis is away and the configuration says so.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard},
};

use super::{RefusalQueue, fallback::Fallback, restorations::Restorations};
use crate::{
    app::{
        App, Caller, Error, Origin, Refused, Result,
        catalogue::Entry,
        identity::login_limits::LoginRules,
        ops::maintenance::LEASE,
        turn::{demand::Demand, request::TurnRequest},
    },
    config::{Config, OnFailure, Per},
    limits::{self, Actual, Check, Exception, Kind, RedisCounters, Rule, Subject, Take, Verdict},
    model::{CountedInput, Counters, LimitOverride, NanoUsd, TurnId, Usage, UserId},
    redis::RedisLink,
};

/// The rules, and where they are counted.
pub(in crate::app) struct Quota {
    pub(in crate::app) rules: Vec<Arc<Rule>>,
    pub(in crate::app) logins: LoginRules,
    pub(in crate::app) password_change: Arc<Rule>,
    pub(in crate::app) redis: Option<RedisCounters>,
    pub(in crate::app) on_failure: OnFailure,
    /// What the turns of this process hold.
    held: Mutex<HashMap<TurnId, Arc<Held>>>,
    /// The refusals that are still to be recorded.
    pub(in crate::app) refusals: RefusalQueue,
    pub(in crate::app) fallback: Fallback,
    pub(in crate::app) restorations: Restorations,
    /// What could not be settled when it should have been.
    owed: Mutex<Vec<Owed>>,
}

/// A settlement that is still to be made.
pub(in crate::app) struct Owed {
    pub(in crate::app) home: Home,
    pub(in crate::app) take: Arc<Take>,
    pub(in crate::app) actual: Actual,
}

/// How many settlements this process remembers. The others are found when their lease is over.
const MOST_OWED: usize = 10_000;

/// What a turn has taken, and where.
pub(in crate::app) struct Held {
    pub(in crate::app) take: Arc<Take>,
    pub(in crate::app) home: Home,
    /// The tokens that are reserved for its answer, where quotas count it: the model must not give more.
    pub(in crate::app) max_tokens: Option<u32>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::app) enum Home {
    Redis,
    Database,
}

impl Quota {
    pub(in crate::app) fn new(config: &Config, link: Option<&RedisLink>) -> Result<Self> {
        let rule = |limit| Rule::from_config(limit).map(Arc::new).map_err(Error::from);
        Ok(Self {
            rules: config.limits.iter().map(rule).collect::<Result<_>>()?,
            logins: LoginRules::new(),
            password_change: Arc::new(Rule::password_change()),
            redis: link.map(|link| RedisCounters::new(link.clone())),
            on_failure: config.redis.on_failure,
            held: Mutex::default(),
            refusals: RefusalQueue::default(),
            fallback: Fallback::default(),
            restorations: Restorations::default(),
            owed: Mutex::default(),
        })
    }

    /// Whether a turn's price has to be known before it is admitted.
    pub(in crate::app) fn reserves(&self) -> bool {
        self.rules.iter().any(|rule| rule.kind.is_quota())
    }

    /// Whether an address is counted for longer than the minute of a login.
    pub(in crate::app) fn counts_addresses(&self) -> bool {
        self.rules.iter().any(|rule| rule.per == Per::Address && rule.is_restored())
    }

    pub(in crate::app) fn held(&self) -> MutexGuard<'_, HashMap<TurnId, Arc<Held>>> {
        self.held.lock().expect("nobody panics while holding it")
    }

    fn checks(
        &self,
        caller: &Caller,
        overrides: &[LimitOverride],
        address: Option<IpAddr>,
        demand: Demand,
    ) -> Vec<Check> {
        let check = |rule: &Arc<Rule>| {
            let subject = match rule.per {
                Per::User => Subject::User(caller.user().id),
                Per::Address => Subject::address(address?),
                Per::Global => Subject::Global,
                Per::Key => Subject::Key(caller.key()?),
            };
            let (amount, per_token) = match rule.kind {
                Kind::Messages { .. } | Kind::Turns => (1, 0),
                Kind::Tokens { .. } => (demand.input.tokens, demand.per_token.tokens),
                Kind::Cost { .. } => (demand.input.cost, demand.per_token.cost),
            };
            Some(Check { subject, rule: Arc::clone(rule), exception: exception(rule, overrides), amount, per_token })
        };
        self.rules.iter().filter_map(check).collect()
    }
}

impl App {
    /// Takes what a turn needs: a place among the running ones, its messages, and the worst case of tokens and cost, which is
    /// cut to what is left where the request asked for no length. Gives the turn its id.
    pub(in crate::app) async fn take_turn(
        &self,
        caller: &Caller,
        origin: &Origin,
        model: Option<&Entry>,
        ask: &TurnRequest,
        counted: &[CountedInput],
    ) -> Result<(TurnId, Arc<Held>)> {
        let demand = model.map_or_else(Demand::default, |model| Demand::of(model, ask, counted));
        let overrides = self.overrides_of(caller).await?;
        let checks = self.quota.checks(caller, &overrides, origin.address, demand);
        let mut turn = TurnId::new();
        let (take, home, length) = self
            .take(origin, || {
                turn = TurnId::new();
                Take::for_turn(turn, LEASE, checks.clone(), demand.length)
            })
            .await?;
        let max_tokens = (self.quota.reserves() && model.is_some()).then_some(length);
        let held = Arc::new(Held { take, home, max_tokens });
        self.quota.held().insert(turn, Arc::clone(&held));
        Ok((turn, held))
    }

    /// Takes a change of the caller's own password.
    pub(in crate::app) async fn take_password_change(&self, caller: &Caller, origin: &Origin) -> Result<()> {
        let overrides = self.overrides_of(caller).await?;
        let one = one_more(Subject::User(caller.user().id), &self.quota.password_change, &overrides);
        self.take(origin, || Take::once(vec![one.clone()])).await.map(drop)
    }

    /// Gives everything back, unless it was let go: the turn was not admitted after all.
    pub(in crate::app) async fn give_back(&self, turn: TurnId, held: &Held) {
        if self.quota.held().remove(&turn).is_none() {
            return;
        }
        let given = match (held.home, &self.quota.redis) {
            (Home::Redis, Some(redis)) => redis.release(&held.take).await.map_err(Error::from),
            _ => self.count_here(&held.take, limits::release).await,
        };
        log_lost(given, "a reservation could not be given back; its lease will expire");
    }

    /// Ends a turn's lease and charges what it really used.
    pub(in crate::app) async fn settle(&self, turn: TurnId, held: &Held, used: Option<Usage>) {
        self.quota.held().remove(&turn);
        let actual = actual(used);
        let settled = self.settle_in(held.home, &held.take, actual).await;
        if settled.is_err() {
            self.owe(Owed { home: held.home, take: Arc::clone(&held.take), actual });
        }
        if held.home == Home::Database {
            self.quota.fallback.is_ahead();
            self.join_in_redis().await;
        }
        log_lost(settled, "a turn's use could not be settled now; it will be when its counters are back");
    }

    pub(in crate::app) fn owe(&self, owed: Owed) {
        let mut all = self.quota.owed.lock().expect("nobody panics while holding it");
        if all.len() < MOST_OWED {
            all.push(owed);
        }
    }

    /// What is owed; the caller settles it, or owes it again.
    pub(in crate::app) fn take_owed(&self) -> Vec<Owed> {
        std::mem::take(&mut *self.quota.owed.lock().expect("nobody panics while holding it"))
    }

    /// Ends the leases of a turn whose owner is gone, and charges what it has used, as far as its user and everybody are
    /// concerned, in both homes: only the one that has reserved for it finds anything. The rest is found by
    /// `settle_the_unsettled`.
    pub(in crate::app) async fn settle_for(&self, turn: TurnId, user: UserId, used: Usage) {
        let of = |rule: &Arc<Rule>| match rule.per {
            Per::User => Some(Subject::User(user)),
            Per::Global => Some(Subject::Global),
            Per::Key | Per::Address => None,
        };
        let check = |rule: &Arc<Rule>| {
            let held = matches!(rule.kind, Kind::Turns) || rule.kind.is_quota();
            let subject = of(rule).filter(|_| held)?;
            Some(Check::of(subject, Arc::clone(rule)))
        };
        let checks: Vec<Check> = self.quota.rules.iter().filter_map(check).collect();
        if checks.is_empty() {
            return;
        }
        let take = Arc::new(Take::to_settle(turn, checks));
        for home in [Home::Redis, Home::Database] {
            if home == Home::Database || self.quota.redis.is_some() {
                self.settle_in(home, &take, actual(Some(used))).await.ok();
            }
        }
    }

    /// Somebody else ends the turn, and settles it.
    pub(in crate::app) fn let_go(&self, turn: TurnId) {
        self.quota.held().remove(&turn);
    }

    pub(in crate::app) async fn settle_in(&self, home: Home, take: &Arc<Take>, actual: Actual) -> Result<()> {
        match (home, &self.quota.redis) {
            (Home::Redis, Some(redis)) => Ok(redis.settle(take, actual).await?),
            _ => self.count_here(take, move |now, take, counters| limits::settle(now, take, actual, counters)).await,
        }
    }

    /// `take` makes the same one for each home that is asked, under a name of its own if it is a turn's: where Redis gave no
    /// answer it may have admitted all the same, and what it holds then belongs to a turn that never was, which
    /// `settle_the_unsettled` finds.
    pub(in crate::app) async fn take(
        &self,
        origin: &Origin,
        take: impl FnMut() -> Take,
    ) -> Result<(Arc<Take>, Home, u32)> {
        let (verdict, take, home) = self.decide(take).await?;
        let count = |rule: &str, decision: &str| {
            self.metrics.rate_limit_decisions_total.with_label_values(&[rule, decision]).inc();
        };
        match verdict {
            Verdict::Admitted { length, .. } => {
                take.rules().for_each(|rule| count(&rule.name, "allowed"));
                Ok((take, home, length))
            }
            Verdict::Refused(refusal) => {
                count(&refusal.rule, "refused");
                self.metrics.rate_limit_violations_total.with_label_values(&[refusal.rule.as_str()]).inc();
                let rule = take.rules().find(|rule| rule.name == refusal.rule).expect("one of them refused");
                let told = Refused::of(&refusal, rule.kind);
                self.note_refusal(&told, &refusal, rule.kind, &origin.request_id);
                Err(Error::RateLimited(Box::new(told)))
            }
        }
    }

    pub(in crate::app) async fn decide(&self, mut take: impl FnMut() -> Take) -> Result<(Verdict, Arc<Take>, Home)> {
        if let Some(redis) = self.quota.redis.as_ref().filter(|_| !self.quota.fallback.is_on()) {
            let take = Arc::new(take());
            match self.take_in_redis(redis, &take).await? {
                Ok(verdict) => return Ok((verdict, take, Home::Redis)),
                Err(away) if self.quota.on_failure == OnFailure::Refuse => return Err(away.into()),
                Err(_) => self.declare_fallback().await?,
            }
        } else if self.redis.as_ref().is_some_and(|link| !link.is_up()) {
            self.declare_fallback().await?;
        }
        let take = Arc::new(take());
        let verdict = self.take_in_database(&take).await?;
        Ok((verdict, take, Home::Database))
    }

    pub(in crate::app) async fn count_here<R: Send + 'static>(
        &self,
        take: &Arc<Take>,
        change: impl Fn(i64, &Take, &mut Counters) -> R + Send + Sync + 'static,
    ) -> Result<R> {
        let take = Arc::clone(take);
        let subjects = take.subjects().into_iter().collect();
        Ok(self.store.change_counters(subjects, move |now, counters| change(now, &take, counters)).await?)
    }
}

/// One message more. A rule that counts others than users has no exceptions.
pub(in crate::app) fn one_more(subject: Subject, rule: &Arc<Rule>, overrides: &[LimitOverride]) -> Check {
    Check { exception: exception(rule, overrides), amount: 1, ..Check::of(subject, Arc::clone(rule)) }
}

/// A user's exception from a rule. One that is over may be among them: who decides has the clock.
pub(in crate::app) fn exception(rule: &Rule, overrides: &[LimitOverride]) -> Option<Exception> {
    let found = overrides.iter().find(|one| rule.per == Per::User && one.rule == rule.name)?;
    Some(Exception { max: found.max, until_us: found.until.map(|until| until.timestamp_micros()) })
}

/// What was used, as quotas count it.
fn actual(used: Option<Usage>) -> Actual {
    used.map_or_else(Actual::default, |usage| Actual {
        tokens: usage.input_tokens + usage.output_tokens,
        cost: nano(usage.cost),
    })
}

pub(in crate::app) fn nano(cost: NanoUsd) -> u64 {
    u64::try_from(cost.0).unwrap_or_default()
}

pub(in crate::app) fn log_lost(outcome: Result<()>, what: &str) {
    if let Err(error) = outcome {
        tracing::warn!(%error, "{what}");
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::test_runner::{Config, TestRunner};

    use super::*;
    use crate::{
        app::{Origin, identity::caller::anonymous_entry},
        config::{Database, Secret},
        limits::{Shown, conformance},
        model::{StoredUse, UseQuestion},
        store::Store,
    };

    /// The database as a home, with a clock that the law turns. The database itself drops what its own clock says is over,
    /// so the law's time lies well ahead of it.
    struct InDatabase {
        store: Store,
        now_us: i64,
    }

    impl InDatabase {
        async fn change<R: Send + 'static>(
            &self,
            take: &Take,
            change: impl Fn(i64, &Take, &mut Counters) -> R + Send + Sync + 'static,
        ) -> R {
            let (take, now_us) = (take.clone(), self.now_us);
            let subjects = take.subjects().into_iter().collect();
            self.store.change_counters(subjects, move |_, counters| change(now_us, &take, counters)).await.unwrap()
        }
    }

    impl conformance::Home for InDatabase {
        async fn set_clock(&mut self, now_us: i64) {
            self.now_us = now_us;
        }

        async fn take(&mut self, take: &Take) -> Option<Verdict> {
            self.change(take, limits::decide_restored).await
        }

        async fn restore(&mut self, checks: &[Check], stored: &impl Fn(&UseQuestion) -> StoredUse) {
            let subjects: Vec<String> = checks.iter().map(|check| check.subject.to_string()).collect();
            let (_, counters, _) = self.store.counters(&subjects).await.unwrap();
            for one in limits::incomplete(self.now_us, None, checks, &counters) {
                let restoration = one.restoration(&stored(&one.question()), limits::TRUSTED_FOR);
                let now_us = self.now_us;
                let restore = move |_, counters: &mut Counters| limits::restore(now_us, &restoration, counters);
                self.store.change_counters(vec![one.subject().to_string()], restore).await.unwrap();
            }
        }

        async fn settle(&mut self, take: &Take, actual: Actual) {
            self.change(take, move |now, take, counters| limits::settle(now, take, actual, counters)).await;
        }

        async fn release(&mut self, take: &Take) {
            self.change(take, limits::release).await;
        }

        async fn renew(&mut self, takes: &[&Take], ttl: Duration) -> Vec<bool> {
            let mut renewed = Vec::new();
            for take in takes {
                renewed.extend(
                    self.change(take, move |now, take, counters| limits::renew(now, &[take], ttl, counters)).await,
                );
            }
            renewed
        }

        async fn reset(&mut self, subject: &Subject) {
            let mut tx = self.store.audited().await.unwrap();
            let subjects = [subject.to_string()];
            tx.change_counters(&subjects, |_, counters| limits::forget(None, counters)).await.unwrap();
            tx.forget_violations(&subjects, None).await.unwrap();
            tx.commit(&anonymous_entry(&Origin::shell(), "ratelimit.reset", "ok")).await.unwrap();
        }

        async fn show(&mut self, checks: &[Check]) -> Shown {
            let subjects: Vec<String> = checks.iter().map(|check| check.subject.to_string()).collect();
            let (_, counters, violations) = self.store.counters(&subjects).await.unwrap();
            limits::show(self.now_us, checks, &counters, &violations)
        }
    }

    fn holds_the_law(url: &str, cases: u32) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let store = runtime.block_on(async {
            let store = Store::open(&Database { url: Secret::new(url), max_connections: 2 }).unwrap();
            store.migrate().await.unwrap();
            store
        });
        let start_us = crate::clock::now().timestamp_micros() + 86_400_000_000 * 365;
        TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() })
            .run(&conformance::ops(), |ops| {
                let mut home = InDatabase { store: store.clone(), now_us: start_us };
                runtime.block_on(conformance::check(&mut home, start_us, ops));
                Ok(())
            })
            .unwrap();
        runtime.block_on(store.close());
    }

    #[test]
    fn counters_in_sqlite_obey_the_law() {
        let folder = tempfile::tempdir().unwrap();
        holds_the_law(&format!("sqlite://{}/law.db", folder.path().display()), 20);
    }

    #[test]
    #[ignore = "needs PostgreSQL: tests/run starts one"]
    fn counters_in_postgres_obey_the_law() {
        let url = std::env::var("MCPCHAT_TEST_POSTGRES_URL").expect("tests/run sets it");
        holds_the_law(&url, 40);
    }
}
