//! Limits of the service: enforcement on the way of a request (`enforce`, `logins`), and what administrators see and change:
//! usage by rule, overrides for single users, refusals, violations, resets.

pub(super) mod enforce;
mod logins;
mod overrides;
pub(super) mod refusal;
mod refusals;
mod reset;
mod show;
mod view;
mod violations;

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use parking_lot::{Mutex, MutexGuard};

use self::{enforce::TurnReservation, logins::LoginRules, refusals::RefusalQueue};
pub use self::{
    overrides::{OverrideSpec, OverrideView},
    refusals::RefusalView,
    show::LimitView,
    view::Amount,
    violations::ViolationView,
};
use super::{App, Error, Result};
use crate::{
    config::Config,
    limits::{Counters, Rule, Subject},
    model::{InstanceId, TurnId, User},
    redis::RedisLink,
    store::Store,
    suggestions,
};

/// How many sessions of a user are looked at.
const MOST_SESSIONS: u32 = 1000;

/// The rules, and what is counted of them.
pub(super) struct Limits {
    /// Those of the configuration.
    rules: Vec<Arc<Rule>>,
    logins: LoginRules,
    password_change: Arc<Rule>,
    counters: Counters,
    /// What the running turns of this process have reserved.
    reservations: Mutex<HashMap<TurnId, Arc<TurnReservation>>>,
    /// The refusals that are still to be recorded.
    refusals: RefusalQueue,
}

impl Limits {
    pub(super) fn new(config: &Config, store: &Store, redis: Option<&RedisLink>, instance: InstanceId) -> Result<Self> {
        let rule = |limit| Rule::from_config(limit).map(Arc::new).map_err(Error::from);
        Ok(Self {
            rules: config.limits.iter().map(rule).collect::<Result<_>>()?,
            logins: LoginRules::new(),
            password_change: Arc::new(Rule::password_change()),
            counters: Counters::new(store.clone(), redis, config.redis.on_failure, instance),
            reservations: Mutex::default(),
            refusals: RefusalQueue::default(),
        })
    }

    fn reservations(&self) -> MutexGuard<'_, HashMap<TurnId, Arc<TurnReservation>>> {
        self.reservations.lock()
    }
}

impl App {
    /// All rules: those of the configuration, then those of logins and passwords.
    fn rules(&self) -> impl Iterator<Item = &Arc<Rule>> {
        let Limits { rules, logins, password_change, .. } = &self.limits;
        rules.iter().chain(logins.all()).chain([password_change])
    }

    fn rule(&self, name: &str) -> Result<&Arc<Rule>> {
        let unknown = || {
            let near = suggestions::names(name, self.rules().map(|rule| rule.name.as_str()));
            let near = near.into_iter().map(str::to_owned).collect();
            Error::NotFound { kind: "limit", name: name.to_owned(), near }
        };
        self.rules().find(|rule| rule.name == name).ok_or_else(unknown)
    }

    /// All that is counted of a user: the account, the names to log in with, the sessions that stand, and the API keys, also
    /// those that have ended. Logins from single addresses are not among them: `login_prefixes` finds them.
    async fn subjects_of(&self, user: &User) -> Result<Vec<Subject>> {
        let keys = self.store.key_ids(user.id).await?;
        let own = [Subject::User(user.id)].into_iter();
        let sessions = self.store.sessions(user.id, self.store.now(), None, MOST_SESSIONS).await?.items;
        let sessions = sessions.into_iter().map(|session| Subject::Session(session.id));
        Ok(own.chain(login_names(user)).chain(sessions).chain(keys.into_iter().map(Subject::Key)).collect())
    }
}

/// What logins are counted under, wherever from.
fn login_names(user: &User) -> impl Iterator<Item = Subject> {
    names(user).map(Subject::name).collect::<BTreeSet<_>>().into_iter()
}

/// How the subjects begin that are a login name and an address.
fn login_prefixes(user: &User) -> Vec<String> {
    names(user).map(Subject::logins_prefix).collect::<BTreeSet<_>>().into_iter().collect()
}

fn names(user: &User) -> impl Iterator<Item = &str> {
    [Some(user.username.as_str()), user.email.as_deref()].into_iter().flatten()
}

/// How a key is named to people.
fn key_label(prefix: &str) -> String {
    format!("key:{prefix}")
}
