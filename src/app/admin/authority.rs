//! The authority to administer, and how its acts are carried out: committed together with their audit row and published
//! to all replicas, or, in a dry run, tried and rolled back.

use std::sync::Arc;

use parking_lot::Mutex;

use crate::{
    app::{App, Caller, Error, Origin, Result, identity::caller::entry_of},
    model::{AuditRow, Reason, Role, Scope},
    store::{AuditEntry, Audited},
};

/// Proof of the right to administer; only the functions here make one. Keeps the audit rows of its acts.
#[derive(Clone, Debug)]
pub struct Admin {
    actor: String,
    origin: Origin,
    reason: Option<Reason>,
    is_dry_run: bool,
    rows: Arc<Mutex<Vec<AuditRow>>>,
}

impl Admin {
    /// The operator at the shell: access to the configuration implies access to the keys.
    pub fn operator(login: &str, host: &str) -> Self {
        Self::new(format!("operator:{login}@{host}"), Origin::shell())
    }

    /// A caller with the role, and, with a key, the scope. The role is the account's, not a token's.
    pub fn of(caller: &Caller, origin: Origin) -> Result<Self> {
        let user = caller.may(Scope::Admin)?;
        match user.role {
            Role::Admin => Ok(Self::new(format!("user:{}", user.username), origin)),
            Role::User | Role::Auditor => Err(Error::Forbidden("this needs the role `admin`".into())),
        }
    }

    fn new(actor: String, origin: Origin) -> Self {
        Self { actor, origin, reason: None, is_dry_run: false, rows: Arc::default() }
    }

    /// Sets the reason for the audit rows.
    pub fn because(self, reason: Option<Reason>) -> Self {
        Self { reason, ..self }
    }

    /// In a dry run everything is checked and tried, and nothing is changed.
    pub fn with_dry_run(self, is_dry_run: bool) -> Self {
        Self { is_dry_run, ..self }
    }

    pub fn is_dry_run(&self) -> bool {
        self.is_dry_run
    }

    /// The audit rows of the acts so far, also in a dry run; none if nothing had to be changed.
    pub fn rows(&self) -> Vec<AuditRow> {
        self.rows.lock().clone()
    }

    fn remember(&self, row: AuditRow) {
        self.rows.lock().push(row);
    }

    /// The actor, as audit rows name it.
    pub(in crate::app) fn actor(&self) -> &str {
        &self.actor
    }

    pub(in crate::app) fn reason(&self) -> Option<&Reason> {
        self.reason.as_ref()
    }

    /// The audit entry of an act that succeeded.
    pub(in crate::app) fn entry(&self, action: &'static str, target: impl ToString) -> AuditEntry {
        AuditEntry {
            reason: self.reason.as_ref().map(|reason| reason.as_str().to_owned()),
            ..entry_of(&self.actor, &self.origin, action, Some(target.to_string()), "ok")
        }
    }
}

impl App {
    /// Keeps the audit row that an act would leave, and writes nothing.
    pub(in crate::app) async fn preview(&self, admin: &Admin, entry: &AuditEntry) -> Result<()> {
        admin.remember(self.store.preview(entry).await?);
        Ok(())
    }

    /// Commits the changes in `tx` with their audit entry, counts the act, and publishes the revocations. `false` in a
    /// dry run: all of it was tried, down to the audit row, and rolled back. What cannot be part of `tx`, as in Redis,
    /// is done by the caller after a `true`.
    pub(in crate::app) async fn enact(&self, admin: &Admin, tx: Audited, entry: &AuditEntry) -> Result<bool> {
        let ended = tx.ended();
        let row = if admin.is_dry_run { tx.dry_run(entry).await? } else { tx.commit(entry).await? };
        admin.remember(row);
        if admin.is_dry_run {
            return Ok(false);
        }
        self.metrics.admin_actions_total.with_label_values(&[entry.action]).inc();
        for subject in ended {
            self.identity.publish_revocation(subject);
        }
        Ok(true)
    }
}
