//! The caller of a request, and its origin. `Caller` is a proof: its fields are private, and only the functions here
//! make one, from an authenticated session or key, or from the operator at the shell. The operation itself checks what
//! a caller may do (`may`, `login`), so that no interface can forget it.

use std::net::IpAddr;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::{
    app::{Error, Result},
    model::{KeyId, Scope, Scopes, SessionId, User},
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

/// An authenticated user, as of the last check of the account.
#[derive(Clone, Debug)]
pub struct Caller {
    user: User,
    credential: Credential,
    expires_at: Option<DateTime<Utc>>,
}

/// The credential of a caller.
#[derive(Clone, Debug)]
pub(in crate::app) enum Credential {
    Session(SessionId),
    Key {
        id: KeyId,
        public_id: String,
        scopes: Scopes,
    },
    /// The operator, acting as a user.
    Operator,
}

impl Caller {
    pub(in crate::app) fn with_session(user: User, session: SessionId, expires_at: DateTime<Utc>) -> Self {
        Self { user, credential: Credential::Session(session), expires_at: Some(expires_at) }
    }

    pub(in crate::app) fn with_key(user: User, key: Credential, expires_at: Option<DateTime<Utc>>) -> Self {
        Self { user, credential: key, expires_at }
    }

    /// The operator at the shell, acting as a user.
    pub(in crate::app) fn by_operator(user: User) -> Self {
        Self { user, credential: Credential::Operator, expires_at: None }
    }

    /// The user; this says nothing of their rights.
    pub fn user(&self) -> &User {
        &self.user
    }

    /// Returns the user if the credential has this scope. A session may do all that its user may; a key only what its
    /// scopes say. Every operation calls this, or `login`, before anything else.
    pub fn may(&self, scope: Scope) -> Result<&User> {
        match &self.credential {
            Credential::Session(_) | Credential::Operator => Ok(&self.user),
            Credential::Key { scopes, .. } if scopes.contains(scope) => Ok(&self.user),
            Credential::Key { .. } => {
                Err(Error::Forbidden(format!("this API key lacks the scope `{scope}`; use one that has it, or log in")))
            }
        }
    }

    /// The session, required to change the account itself: a key must not extend its own rights.
    pub fn login(&self) -> Result<SessionId> {
        match &self.credential {
            Credential::Session(id) => Ok(*id),
            Credential::Key { .. } | Credential::Operator => {
                Err(Error::Forbidden("this needs a login: an API key cannot do it".into()))
            }
        }
    }

    pub fn session(&self) -> Option<SessionId> {
        match &self.credential {
            Credential::Session(id) => Some(*id),
            Credential::Key { .. } | Credential::Operator => None,
        }
    }

    pub fn key(&self) -> Option<KeyId> {
        match &self.credential {
            Credential::Key { id, .. } => Some(*id),
            Credential::Session(_) | Credential::Operator => None,
        }
    }

    pub(in crate::app) fn credential(&self) -> &Credential {
        &self.credential
    }

    /// The caller's revocation subjects: account, and session or key.
    pub(in crate::app) fn subjects(&self) -> Option<[Uuid; 2]> {
        match &self.credential {
            Credential::Session(id) => Some([self.user.id.into(), (*id).into()]),
            Credential::Key { id, .. } => Some([self.user.id.into(), (*id).into()]),
            Credential::Operator => None,
        }
    }

    /// When the credential expires, if ever.
    pub fn expires_at(&self) -> Option<DateTime<Utc>> {
        self.expires_at
    }
}

/// The audit entry of something a user did, or tried.
pub(in crate::app) fn user_entry(
    user: &str,
    origin: &Origin,
    action: &'static str,
    outcome: &'static str,
) -> AuditEntry {
    entry_of(&format!("user:{user}"), origin, action, Some(format!("user:{user}")), outcome)
}

/// The audit entry of an anonymous client.
pub(in crate::app) fn anonymous_entry(origin: &Origin, action: &'static str, outcome: &'static str) -> AuditEntry {
    entry_of("anonymous", origin, action, None, outcome)
}

/// The audit entry of an event at this time.
pub(in crate::app) fn entry_of(
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
