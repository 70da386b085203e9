//! Rate limits of logins and refreshes. A stranger cannot use up a counter of an account's owner: tries are counted by
//! address, and by name and address together. Tries with one name from all addresses are only slowed, and of each
//! address not its first; and an address from which the account has logged in before passes all that, with a rule of
//! its own.

use std::sync::Arc;

use super::enforce::one_more;
use crate::{
    app::{App, Origin, Result},
    auth::Priority,
    limits::{Check, LimitRequest, Reservation, Rule, Subject, Verdict},
    model::SessionId,
};

/// The built-in rules of logins.
pub(super) struct LoginRules {
    address: Arc<Rule>,
    name_address: Arc<Rule>,
    pub(super) name: Arc<Rule>,
    known_address: Arc<Rule>,
    refresh_address: Arc<Rule>,
    refresh_session: Arc<Rule>,
}

impl LoginRules {
    pub(super) fn new() -> Self {
        Self {
            address: Arc::new(Rule::login_address()),
            name_address: Arc::new(Rule::login_name_address()),
            name: Arc::new(Rule::login_name()),
            known_address: Arc::new(Rule::login_known_address()),
            refresh_address: Arc::new(Rule::refresh_address()),
            refresh_session: Arc::new(Rule::refresh_session()),
        }
    }

    pub(super) fn all(&self) -> [&Arc<Rule>; 6] {
        [
            &self.address,
            &self.name_address,
            &self.name,
            &self.known_address,
            &self.refresh_address,
            &self.refresh_session,
        ]
    }
}

impl App {
    /// Counts a login attempt before any hashing, and returns the priority of its password check.
    pub(in crate::app) async fn take_login(&self, origin: &Origin, name: &str) -> Result<Priority> {
        let (rules, address) = (&self.limits.logins, origin.address);
        if self.is_known_address(address, name).await? {
            let known = one_more(Subject::login(name, address), &rules.known_address, &[]);
            self.take_once(origin, vec![known]).await?;
            return Ok(Priority::High);
        }
        self.take_from_stranger(origin, name).await?;
        let by_name = one_more(Subject::name(name), &rules.name, &[]);
        if !self.slows(by_name).await? {
            return Ok(Priority::Normal);
        }
        // An owner's login from a new address is the first there; most of a flood is not.
        let by_both = one_more(Subject::login(name, address), &rules.name_address, &[]);
        let is_first = self.limits.counters.show(&[by_both]).await?.usages.iter().all(|usage| usage.used <= 1);
        Ok(if is_first { Priority::Normal } else { Priority::Low })
    }

    /// Counts a registration like a login.
    pub(in crate::app) async fn take_registration(&self, origin: &Origin, name: &str) -> Result<()> {
        self.take_from_stranger(origin, name).await
    }

    async fn take_from_stranger(&self, origin: &Origin, name: &str) -> Result<()> {
        let (rules, address) = (&self.limits.logins, origin.address);
        let by_address = address.map(|address| one_more(Subject::address(address), &rules.address, &[]));
        let by_both = one_more(Subject::login(name, address), &rules.name_address, &[]);
        self.take_once(origin, by_address.into_iter().chain([by_both]).collect()).await.map(drop)
    }

    /// Counts a try, and returns whether there are too many; refuses nothing.
    async fn slows(&self, check: Check) -> Result<bool> {
        let name = check.rule.name.clone();
        let (verdict, _) = self.limits.counters.take(|| LimitRequest::once(vec![check.clone()])).await?;
        let (slows, decision) = match verdict {
            Verdict::Admitted { .. } => (false, "allowed"),
            Verdict::Refused(_) => (true, "slowed"),
        };
        self.metrics.rate_limit_decisions_total.with_label_values(&[name.as_str(), decision]).inc();
        Ok(slows)
    }

    /// Counts a refresh, before its token is checked. `release_refresh` undoes it for a valid token.
    pub(in crate::app) async fn take_refresh(&self, origin: &Origin) -> Result<Option<Reservation>> {
        let Some(address) = origin.address else { return Ok(None) };
        let by_address = one_more(Subject::address(address), &self.limits.logins.refresh_address, &[]);
        self.take_once(origin, vec![by_address]).await.map(Some)
    }

    /// A refresh with a valid token counts per session instead: many clients may share an address.
    pub(in crate::app) async fn release_refresh(&self, taken: Option<Reservation>) {
        let Some(taken) = taken else { return };
        if let Err(error) = self.limits.counters.release(&taken).await {
            tracing::warn!(%error, "a refresh could not be given back to its address");
        }
    }

    pub(in crate::app) async fn take_refresh_of(&self, origin: &Origin, session: SessionId) -> Result<()> {
        let by_session = one_more(Subject::Session(session), &self.limits.logins.refresh_session, &[]);
        self.take_once(origin, vec![by_session]).await.map(drop)
    }

    async fn take_once(&self, origin: &Origin, checks: Vec<Check>) -> Result<Reservation> {
        let (taken, _) = self.take(origin, || LimitRequest::once(checks.clone())).await?;
        Ok(taken)
    }
}
