//! Enforcing limits on the way of a message, a login and a password change: which rules hold for a request, taking what it
//! needs, and settling it when its turn has ended. What is counted, and where, is `limits::Counters`' affair.

use std::{net::IpAddr, sync::Arc};

use super::Limits;
use crate::{
    app::{
        App, Caller, Error, Origin, Refused, Result,
        catalogue::Entry,
        turn::{demand::Demand, request::TurnRequest},
    },
    config::Per,
    limits::{Actual, Check, Kind, LimitRequest, MaxOverride, Reservation, Rule, Subject, Verdict},
    model::{CountedInput, LEASE, LimitOverride, TurnId, Usage, UserId},
    store::Counted,
};

/// What a running turn has reserved.
pub(in crate::app) struct TurnReservation {
    pub(super) taken: Reservation,
    /// The tokens that are reserved for its reply, where quotas count it: the model must not give more.
    pub(in crate::app) max_tokens: Option<u32>,
}

impl Limits {
    /// Whether a turn's price has to be known before it is admitted.
    pub(in crate::app) fn reserves(&self) -> bool {
        self.rules.iter().any(|rule| rule.kind.is_quota())
    }

    /// Whether an address is counted for longer than the minute of a login.
    fn counts_addresses(&self) -> bool {
        self.rules.iter().any(|rule| rule.per == Per::Address && rule.is_restored())
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

    /// What a turn is stored with, so that its use can be counted again.
    pub(in crate::app) fn counted(
        &self,
        caller: &Caller,
        address: Option<IpAddr>,
        reservation: &TurnReservation,
    ) -> Counted {
        let address = address.filter(|_| self.counts_addresses());
        let reserved = reservation.taken.request().reserved(reservation.max_tokens.unwrap_or(0));
        Counted {
            key: caller.key(),
            address: address.and_then(|address| Subject::address(address).stored_address()),
            reserved_tokens: i64::try_from(reserved.tokens).unwrap_or(i64::MAX),
            reserved_cost: i64::try_from(reserved.cost).unwrap_or(i64::MAX),
        }
    }

    /// Leaves a turn to the replica that ends it, and settles it.
    pub(in crate::app) fn let_go(&self, turn: TurnId) {
        self.reservations().remove(&turn);
    }

    /// Gives everything back, unless it was let go: the turn was not admitted after all.
    pub(in crate::app) async fn give_back(&self, turn: TurnId, reservation: &TurnReservation) {
        if self.reservations().remove(&turn).is_some() {
            let given = self.counters.release(&reservation.taken).await;
            log_lost(given, "a reservation could not be given back; its lease will expire");
        }
    }

    /// Ends a turn's lease and charges what it really used.
    pub(in crate::app) async fn settle(&self, turn: TurnId, reservation: &TurnReservation, used: Option<Usage>) {
        self.reservations().remove(&turn);
        let settled = self.counters.settle(&reservation.taken, actual(used)).await;
        log_lost(settled, "a turn's use could not be settled now; it will be when its counters are back");
    }

    /// Ends the leases of a turn whose owner is gone, and charges what it has used, as far as rules of its user and of all
    /// users are concerned. The rest is found by `reconcile`.
    pub(in crate::app) async fn settle_for(&self, turn: TurnId, user: UserId, used: Usage) {
        let check = |rule: &Arc<Rule>| {
            let reserves = matches!(rule.kind, Kind::Turns) || rule.kind.is_quota();
            let subject = match rule.per {
                Per::User => Subject::User(user),
                Per::Global => Subject::Global,
                Per::Key | Per::Address => return None,
            };
            reserves.then(|| Check::of(subject, Arc::clone(rule)))
        };
        let checks: Vec<Check> = self.rules.iter().filter_map(check).collect();
        if !checks.is_empty() {
            self.counters.settle_everywhere(turn, checks, actual(Some(used))).await;
        }
    }

    /// Renews the leases of this process's turns.
    pub(in crate::app) async fn renew(&self) {
        let taken: Vec<Reservation> = self.reservations().values().map(|one| one.taken.clone()).collect();
        log_lost(self.counters.renew(&taken, LEASE).await, "leases could not be renewed");
    }

    /// Settles what was left unsettled, here and by processes that are gone.
    pub(in crate::app) async fn reconcile(&self) {
        self.counters.reconcile(&self.rules).await;
    }

    pub(in crate::app) async fn follow_fallbacks(&self) {
        self.counters.follow_fallbacks().await;
    }

    /// Errors: the counters are unavailable, and nothing is admitted without them.
    pub(in crate::app) fn demand_available(&self) -> Result<()> {
        Ok(self.counters.demand_available()?)
    }
}

impl App {
    /// Takes what a turn needs: a place among the running ones, its messages, and the worst case of tokens and cost, which is
    /// cut to what is left where the request asked for no length. Gives the turn its id.
    pub(in crate::app) async fn take_turn(
        &self,
        caller: &Caller,
        overrides: &[LimitOverride],
        origin: &Origin,
        model: Option<&Entry>,
        request: &TurnRequest,
        counted: &[CountedInput],
    ) -> Result<(TurnId, Arc<TurnReservation>)> {
        let demand = model.map_or_else(Demand::default, |model| Demand::of(model, request, counted));
        let checks = self.limits.checks(caller, overrides, origin.address, demand);
        let mut turn = TurnId::new();
        let (taken, length) = self
            .take(origin, || {
                turn = TurnId::new();
                LimitRequest::for_turn(turn, LEASE, checks.clone(), demand.length)
            })
            .await?;
        let max_tokens = (self.limits.reserves() && model.is_some()).then_some(length);
        let reservation = Arc::new(TurnReservation { taken, max_tokens });
        self.limits.reservations().insert(turn, Arc::clone(&reservation));
        Ok((turn, reservation))
    }

    /// Takes a change of the caller's own password.
    pub(in crate::app) async fn take_password_change(
        &self,
        caller: &Caller,
        overrides: &[LimitOverride],
        origin: &Origin,
    ) -> Result<()> {
        let one = one_more(Subject::User(caller.user().id), &self.limits.password_change, overrides);
        self.take(origin, || LimitRequest::once(vec![one.clone()])).await.map(drop)
    }

    /// Takes a request, or tells and records its refusal. Gives the receipt, and the tokens that are reserved for a reply.
    pub(super) async fn take(
        &self,
        origin: &Origin,
        request: impl FnMut() -> LimitRequest,
    ) -> Result<(Reservation, u32)> {
        let (verdict, taken) = self.limits.counters.take(request).await?;
        let count = |rule: &str, decision: &str| {
            self.metrics.rate_limit_decisions_total.with_label_values(&[rule, decision]).inc();
        };
        match verdict {
            Verdict::Admitted { length, .. } => {
                taken.request().rules().for_each(|rule| count(&rule.name, "allowed"));
                Ok((taken, length))
            }
            Verdict::Refused(refusal) => {
                count(&refusal.rule, "refused");
                self.metrics.rate_limit_violations_total.with_label_values(&[refusal.rule.as_str()]).inc();
                let rule = taken.request().rules().find(|rule| rule.name == refusal.rule);
                let kind = rule.expect("one of them refused").kind;
                let told = Refused::of(&refusal, kind);
                self.limits.refusals.note(&told, &refusal, kind, &origin.request_id);
                Err(Error::RateLimited(Box::new(told)))
            }
        }
    }
}

/// One message more. A rule that counts others than users has no overrides.
pub(super) fn one_more(subject: Subject, rule: &Arc<Rule>, overrides: &[LimitOverride]) -> Check {
    Check { max_override: max_override(rule, overrides), amount: 1, ..Check::of(subject, Arc::clone(rule)) }
}

/// A user's override of a rule. One that is over may be among them: the counters have the clock.
pub(super) fn max_override(rule: &Rule, overrides: &[LimitOverride]) -> Option<MaxOverride> {
    let found = overrides.iter().find(|one| rule.per == Per::User && one.rule == rule.name)?;
    Some(MaxOverride { max: found.max, until_us: found.until.map(|until| until.timestamp_micros()) })
}

/// What was used, as quotas count it.
fn actual(used: Option<Usage>) -> Actual {
    used.map_or_else(Actual::default, |usage| Actual {
        tokens: usage.input_tokens + usage.output_tokens,
        cost: usage.cost.nano(),
    })
}

fn log_lost(outcome: std::result::Result<(), crate::limits::Error>, what: &str) {
    if let Err(error) = outcome {
        tracing::warn!(%error, "{what}");
    }
}
