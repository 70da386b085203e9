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
    limits::{self, Actual, Check, Kind, LimitRequest, MaxOverride, RedisCounters, Rule, Subject, Verdict},
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
    reservation: Mutex<HashMap<TurnId, Arc<Reservation>>>,
    /// The refusals that are still to be recorded.
    pub(in crate::app) refusals: RefusalQueue,
    pub(in crate::app) fallback: Fallback,
    pub(in crate::app) restorations: Restorations,
    /// What could not be settled when it should have been.
    pending: Mutex<Vec<PendingSettlement>>,
}

/// A settlement that is still to be made.
pub(in crate::app) struct PendingSettlement {
    pub(in crate::app) backend: Backend,
    pub(in crate::app) request: Arc<LimitRequest>,
    pub(in crate::app) actual: Actual,
}

/// How many settlements this process remembers. The others are found when their lease is over.
const MAX_PENDING_SETTLEMENTS: usize = 10_000;

/// What a turn has taken, and where.
pub(in crate::app) struct Reservation {
    pub(in crate::app) request: Arc<LimitRequest>,
    pub(in crate::app) backend: Backend,
    /// The tokens that are reserved for its answer, where quotas count it: the model must not give more.
    pub(in crate::app) max_tokens: Option<u32>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::app) enum Backend {
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
            reservation: Mutex::default(),
            refusals: RefusalQueue::default(),
            fallback: Fallback::default(),
            restorations: Restorations::default(),
            pending: Mutex::default(),
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

    pub(in crate::app) fn reservation(&self) -> MutexGuard<'_, HashMap<TurnId, Arc<Reservation>>> {
        self.reservation.lock().expect("nobody panics while holding it")
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
            Some(Check {
                subject,
                rule: Arc::clone(rule),
                max_override: max_override(rule, overrides),
                amount,
                per_token,
            })
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
    ) -> Result<(TurnId, Arc<Reservation>)> {
        let demand = model.map_or_else(Demand::default, |model| Demand::of(model, ask, counted));
        let overrides = self.overrides_of(caller).await?;
        let checks = self.quota.checks(caller, &overrides, origin.address, demand);
        let mut turn = TurnId::new();
        let (request, backend, length) = self
            .take(origin, || {
                turn = TurnId::new();
                LimitRequest::for_turn(turn, LEASE, checks.clone(), demand.length)
            })
            .await?;
        let max_tokens = (self.quota.reserves() && model.is_some()).then_some(length);
        let reservation = Arc::new(Reservation { request, backend, max_tokens });
        self.quota.reservation().insert(turn, Arc::clone(&reservation));
        Ok((turn, reservation))
    }

    /// Takes a change of the caller's own password.
    pub(in crate::app) async fn take_password_change(&self, caller: &Caller, origin: &Origin) -> Result<()> {
        let overrides = self.overrides_of(caller).await?;
        let one = one_more(Subject::User(caller.user().id), &self.quota.password_change, &overrides);
        self.take(origin, || LimitRequest::once(vec![one.clone()])).await.map(drop)
    }

    /// Gives everything back, unless it was let go: the turn was not admitted after all.
    pub(in crate::app) async fn give_back(&self, turn: TurnId, reservation: &Reservation) {
        if self.quota.reservation().remove(&turn).is_none() {
            return;
        }
        let given = match (reservation.backend, &self.quota.redis) {
            (Backend::Redis, Some(redis)) => redis.release(&reservation.request).await.map_err(Error::from),
            _ => self.count_here(&reservation.request, limits::release).await,
        };
        log_lost(given, "a reservation could not be given back; its lease will expire");
    }

    /// Ends a turn's lease and charges what it really used.
    pub(in crate::app) async fn settle(&self, turn: TurnId, reservation: &Reservation, used: Option<Usage>) {
        self.quota.reservation().remove(&turn);
        let actual = actual(used);
        let settled = self.settle_in(reservation.backend, &reservation.request, actual).await;
        if settled.is_err() {
            self.defer_settlement(PendingSettlement {
                backend: reservation.backend,
                request: Arc::clone(&reservation.request),
                actual,
            });
        }
        if reservation.backend == Backend::Database {
            self.quota.fallback.is_ahead();
            self.join_in_redis().await;
        }
        log_lost(settled, "a turn's use could not be settled now; it will be when its counters are back");
    }

    pub(in crate::app) fn defer_settlement(&self, pending: PendingSettlement) {
        let mut all = self.quota.pending.lock().expect("nobody panics while holding it");
        if all.len() < MAX_PENDING_SETTLEMENTS {
            all.push(pending);
        }
    }

    /// What is owed; the caller settles it, or owes it again.
    pub(in crate::app) fn take_pending_settlements(&self) -> Vec<PendingSettlement> {
        std::mem::take(&mut *self.quota.pending.lock().expect("nobody panics while holding it"))
    }

    /// Ends the leases of a turn whose owner is gone, and charges what it has used, as far as its user and everybody are
    /// concerned, in both homes: only the one that has reserved for it finds anything. The rest is found by
    /// `reconcile_reservations`.
    pub(in crate::app) async fn settle_for(&self, turn: TurnId, user: UserId, used: Usage) {
        let of = |rule: &Arc<Rule>| match rule.per {
            Per::User => Some(Subject::User(user)),
            Per::Global => Some(Subject::Global),
            Per::Key | Per::Address => None,
        };
        let check = |rule: &Arc<Rule>| {
            let reservation = matches!(rule.kind, Kind::Turns) || rule.kind.is_quota();
            let subject = of(rule).filter(|_| reservation)?;
            Some(Check::of(subject, Arc::clone(rule)))
        };
        let checks: Vec<Check> = self.quota.rules.iter().filter_map(check).collect();
        if checks.is_empty() {
            return;
        }
        let request = Arc::new(LimitRequest::to_settle(turn, checks));
        for backend in [Backend::Redis, Backend::Database] {
            if backend == Backend::Database || self.quota.redis.is_some() {
                self.settle_in(backend, &request, actual(Some(used))).await.ok();
            }
        }
    }

    /// Somebody else ends the turn, and settles it.
    pub(in crate::app) fn let_go(&self, turn: TurnId) {
        self.quota.reservation().remove(&turn);
    }

    pub(in crate::app) async fn settle_in(
        &self,
        backend: Backend,
        request: &Arc<LimitRequest>,
        actual: Actual,
    ) -> Result<()> {
        match (backend, &self.quota.redis) {
            (Backend::Redis, Some(redis)) => Ok(redis.settle(request, actual).await?),
            _ => {
                self.count_here(request, move |now, request, counters| limits::settle(now, request, actual, counters))
                    .await
            }
        }
    }

    /// `request` makes the same one for each home that is asked, under a name of its own if it is a turn's: where Redis gave no
    /// answer it may have admitted all the same, and what it holds then belongs to a turn that never was, which
    /// `reconcile_reservations` finds.
    pub(in crate::app) async fn take(
        &self,
        origin: &Origin,
        request: impl FnMut() -> LimitRequest,
    ) -> Result<(Arc<LimitRequest>, Backend, u32)> {
        let (verdict, request, backend) = self.decide(request).await?;
        let count = |rule: &str, decision: &str| {
            self.metrics.rate_limit_decisions_total.with_label_values(&[rule, decision]).inc();
        };
        match verdict {
            Verdict::Admitted { length, .. } => {
                request.rules().for_each(|rule| count(&rule.name, "allowed"));
                Ok((request, backend, length))
            }
            Verdict::Refused(refusal) => {
                count(&refusal.rule, "refused");
                self.metrics.rate_limit_violations_total.with_label_values(&[refusal.rule.as_str()]).inc();
                let rule = request.rules().find(|rule| rule.name == refusal.rule).expect("one of them refused");
                let told = Refused::of(&refusal, rule.kind);
                self.note_refusal(&told, &refusal, rule.kind, &origin.request_id);
                Err(Error::RateLimited(Box::new(told)))
            }
        }
    }

    pub(in crate::app) async fn decide(
        &self,
        mut request: impl FnMut() -> LimitRequest,
    ) -> Result<(Verdict, Arc<LimitRequest>, Backend)> {
        if let Some(redis) = self.quota.redis.as_ref().filter(|_| !self.quota.fallback.is_on()) {
            let request = Arc::new(request());
            match self.take_in_redis(redis, &request).await? {
                Ok(verdict) => return Ok((verdict, request, Backend::Redis)),
                Err(away) if self.quota.on_failure == OnFailure::Refuse => return Err(away.into()),
                Err(_) => self.declare_fallback().await?,
            }
        } else if self.redis.as_ref().is_some_and(|link| !link.is_up()) {
            self.declare_fallback().await?;
        }
        let request = Arc::new(request());
        let verdict = self.take_in_database(&request).await?;
        Ok((verdict, request, Backend::Database))
    }

    pub(in crate::app) async fn count_here<R: Send + 'static>(
        &self,
        request: &Arc<LimitRequest>,
        change: impl Fn(i64, &LimitRequest, &mut Counters) -> R + Send + Sync + 'static,
    ) -> Result<R> {
        let request = Arc::clone(request);
        let subjects = request.subjects().into_iter().collect();
        Ok(self.store.change_counters(subjects, move |now, counters| change(now, &request, counters)).await?)
    }
}

/// One message more. A rule that counts others than users has no exceptions.
pub(in crate::app) fn one_more(subject: Subject, rule: &Arc<Rule>, overrides: &[LimitOverride]) -> Check {
    Check { max_override: max_override(rule, overrides), amount: 1, ..Check::of(subject, Arc::clone(rule)) }
}

/// A user's exception from a rule. One that is over may be among them: who decides has the clock.
pub(in crate::app) fn max_override(rule: &Rule, overrides: &[LimitOverride]) -> Option<MaxOverride> {
    let found = overrides.iter().find(|one| rule.per == Per::User && one.rule == rule.name)?;
    Some(MaxOverride { max: found.max, until_us: found.until.map(|until| until.timestamp_micros()) })
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
    struct DatabaseBackend {
        store: Store,
        now_us: i64,
    }

    impl DatabaseBackend {
        async fn change<R: Send + 'static>(
            &self,
            request: &LimitRequest,
            change: impl Fn(i64, &LimitRequest, &mut Counters) -> R + Send + Sync + 'static,
        ) -> R {
            let (request, now_us) = (request.clone(), self.now_us);
            let subjects = request.subjects().into_iter().collect();
            self.store.change_counters(subjects, move |_, counters| change(now_us, &request, counters)).await.unwrap()
        }
    }

    impl conformance::CounterBackend for DatabaseBackend {
        async fn set_clock(&mut self, now_us: i64) {
            self.now_us = now_us;
        }

        async fn take(&mut self, request: &LimitRequest) -> Option<Verdict> {
            self.change(request, limits::decide_restored).await
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

        async fn settle(&mut self, request: &LimitRequest, actual: Actual) {
            self.change(request, move |now, request, counters| limits::settle(now, request, actual, counters)).await;
        }

        async fn release(&mut self, request: &LimitRequest) {
            self.change(request, limits::release).await;
        }

        async fn renew(&mut self, takes: &[&LimitRequest], ttl: Duration) -> Vec<bool> {
            let mut renewed = Vec::new();
            for request in takes {
                renewed.extend(
                    self.change(request, move |now, request, counters| limits::renew(now, &[request], ttl, counters))
                        .await,
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

    fn conforms(url: &str, cases: u32) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let store = runtime.block_on(async {
            let store = Store::open(&Database { url: Secret::new(url), max_connections: 2 }).unwrap();
            store.migrate().await.unwrap();
            store
        });
        let start_us = crate::clock::now().timestamp_micros() + 86_400_000_000 * 365;
        TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() })
            .run(&conformance::ops(), |ops| {
                let mut backend = DatabaseBackend { store: store.clone(), now_us: start_us };
                runtime.block_on(conformance::check(&mut backend, start_us, ops));
                Ok(())
            })
            .unwrap();
        runtime.block_on(store.close());
    }

    #[test]
    fn counters_in_sqlite_conform() {
        let folder = tempfile::tempdir().unwrap();
        conforms(&format!("sqlite://{}/law.db", folder.path().display()), 20);
    }

    #[test]
    #[ignore = "needs PostgreSQL: tests/run starts one"]
    fn counters_in_postgres_conform() {
        let url = std::env::var("MCPCHAT_TEST_POSTGRES_URL").expect("tests/run sets it");
        conforms(&url, 40);
    }
}
