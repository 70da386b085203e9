//! Who asks, and from where. `Caller` and `Admin` are proofs: their fields are private, and only the functions here make
//! them, from an authenticated session or from the operator at the shell.

use std::net::IpAddr;

use chrono::{DateTime, Utc};

use super::{Error, Result};
use crate::{
    model::{Role, SessionId, User},
    store::{AuditEntry, Surface},
};

/// Where a request comes from.
#[derive(Clone, Debug)]
pub struct Origin {
    pub surface: Surface,
    pub address: Option<IpAddr>,
    pub user_agent: Option<String>,
    pub request_id: String,
}

impl Origin {
    /// The shell this process runs in.
    pub fn shell() -> Self {
        let request_id = uuid::Uuid::now_v7().to_string();
        Self { surface: Surface::Cli, address: None, user_agent: None, request_id }
    }

    /// An HTTP request.
    pub fn http(address: Option<IpAddr>, user_agent: Option<String>, request_id: String) -> Self {
        Self { surface: Surface::Http, address, user_agent, request_id }
    }
}

/// A user who may use the service, as of the last check of the account.
#[derive(Clone, Debug)]
pub struct Caller {
    user: User,
    session: Option<SessionId>,
    expires_at: Option<DateTime<Utc>>,
}

impl Caller {
    pub(super) fn with_session(user: User, session: SessionId, expires_at: DateTime<Utc>) -> Self {
        Self { user, session: Some(session), expires_at: Some(expires_at) }
    }

    /// The operator at the shell acts as a user.
    pub(super) fn by_operator(user: User) -> Self {
        Self { user, session: None, expires_at: None }
    }

    pub fn user(&self) -> &User {
        &self.user
    }

    pub fn session(&self) -> Option<SessionId> {
        self.session
    }

    /// When what they showed stops being good, if ever.
    pub fn expires_at(&self) -> Option<DateTime<Utc>> {
        self.expires_at
    }
}

/// The authority to administer.
#[derive(Clone, Debug)]
pub struct Admin {
    actor: String,
    origin: Origin,
    reason: Option<String>,
}

impl Admin {
    /// The operator at the shell: who can read the configuration has the keys anyway.
    pub fn operator(login: &str, host: &str, reason: Option<String>) -> Self {
        Self { actor: format!("operator:{login}@{host}"), origin: Origin::shell(), reason }
    }

    /// A caller with the role. The role is the account's, not a token's.
    #[expect(dead_code, reason = "the admin routes come with issue 4; the proof has two makers by design")]
    pub fn of(caller: &Caller, origin: Origin, reason: Option<String>) -> Result<Self> {
        match caller.user.role {
            Role::Admin => Ok(Self { actor: format!("user:{}", caller.user.username), origin, reason }),
            Role::User | Role::Auditor => Err(Error::Forbidden("this needs the role `admin`".into())),
        }
    }

    /// The audit entry of an act that succeeded.
    pub(super) fn entry(&self, action: &'static str, target: impl ToString) -> AuditEntry {
        AuditEntry {
            reason: self.reason.clone(),
            ..entry_of(&self.actor, &self.origin, action, Some(target.to_string()), "ok")
        }
    }
}

/// The audit entry of something a user did, or tried.
pub(super) fn user_entry(user: &str, origin: &Origin, action: &'static str, outcome: &'static str) -> AuditEntry {
    entry_of(&format!("user:{user}"), origin, action, Some(format!("user:{user}")), outcome)
}

/// The audit entry of somebody who is not known.
pub(super) fn anonymous_entry(origin: &Origin, action: &'static str, outcome: &'static str) -> AuditEntry {
    entry_of("anonymous", origin, action, None, outcome)
}

fn entry_of(
    actor: &str,
    origin: &Origin,
    action: &'static str,
    target: Option<String>,
    outcome: &'static str,
) -> AuditEntry {
    AuditEntry {
        at: crate::clock::now(),
        actor: actor.to_owned(),
        surface: origin.surface,
        address: origin.address.map(|address| address.to_string()),
        action,
        target,
        outcome,
        reason: None,
        before: None,
        after: None,
        request_id: Some(origin.request_id.clone()),
    }
}
