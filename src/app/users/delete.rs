//! Deleting accounts. What a user had goes with them; what they did stays in the audit log, under their name.

use serde_json::json;

use super::{
    super::{Admin, App, Error, Result},
    described, keep_an_admin, target,
};
use crate::{model::User, store::AuditEntry};

impl App {
    /// Deletes an account with its sessions, API keys and conversations. Its running turns end (`revocation`).
    pub async fn delete_user(&self, admin: &Admin, named: &str) -> Result<User> {
        let id = self.find_account(named).await?.user.id;
        let mut tx = self.store.audited().await?;
        let locked = tx.lock_user_and_admins(id).await?;
        let (user, other_admins) = locked.ok_or_else(|| Error::not_found("user", named))?;
        keep_an_admin(&user, other_admins)?;
        let mut before = described(&user);
        before["id"] = json!(user.id);
        before["conversations"] = json!(tx.delete_user(id).await?);
        let entry = admin.entry("user.delete", target(&user));
        self.enact(admin, tx, &AuditEntry { before: Some(before), ..entry }).await?;
        Ok(user)
    }
}
