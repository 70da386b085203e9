//! Enabling and disabling accounts.

use serde_json::json;

use super::{keep_an_admin, target};
use crate::{
    app::{Admin, App, Error, Result},
    model::User,
    store::AuditEntry,
};

impl App {
    /// Enables an account.
    pub async fn enable_user(&self, admin: &Admin, named: &str) -> Result<User> {
        let id = self.find_account(named).await?.user.id;
        let mut tx = self.store.audited().await?;
        let user = tx.lock_user(id).await?.ok_or_else(|| Error::not_found("user", named))?;
        if user.enabled {
            return Ok(user);
        }
        tx.set_enabled(id, true).await?;
        self.enact(admin, tx, &switched(admin.entry("user.enable", target(&user)), true)).await?;
        Ok(User { enabled: true, ..user })
    }

    /// Disables an account: its credentials end, and its running turns are cancelled (`revocations`), because they go
    /// on to cost.
    pub async fn disable_user(&self, admin: &Admin, named: &str) -> Result<User> {
        let id = self.find_account(named).await?.user.id;
        let mut tx = self.store.audited().await?;
        let locked = tx.lock_user_and_admins(id).await?;
        let (user, other_admins) = locked.ok_or_else(|| Error::not_found("user", named))?;
        if !user.enabled {
            return Ok(user);
        }
        keep_an_admin(&user, other_admins)?;
        tx.set_enabled(id, false).await?;
        tx.end_sessions(id, None, self.store.now()).await?;
        let cancelled = tx.running_turns_of(id).await?;
        let mut entry = switched(admin.entry("user.disable", target(&user)), false);
        if let Some(after) = entry.after.as_mut().filter(|_| cancelled > 0) {
            after["cancelled_turns"] = json!(cancelled);
        }
        self.enact(admin, tx, &entry).await?;
        Ok(User { enabled: false, ..user })
    }
}

fn switched(entry: AuditEntry, enabled: bool) -> AuditEntry {
    let (before, after) = (json!({ "enabled": !enabled }), json!({ "enabled": enabled }));
    AuditEntry { before: Some(before), after: Some(after), ..entry }
}
