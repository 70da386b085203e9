//! Deleting accounts. An account is gone at once; what it had is removed in small batches afterwards, by the command
//! that deleted it or by any replica. What the user did stays in the audit log, under their name.

use serde_json::json;

use super::{described, keep_an_admin, target};
use crate::{
    app::{Admin, App, Error, Result},
    clock,
    model::{User, UserId},
    store::AuditEntry,
};

impl App {
    /// Deletes an account with its sessions, API keys and conversations. Its running turns end (`revocations`).
    pub async fn delete_user(&self, admin: &Admin, named: &str) -> Result<User> {
        let id = self.find_account(named).await?.user.id;
        let conversations = self.store.conversation_count(id).await?;
        if admin.is_dry_run() {
            // Without a transaction, which would lock rows that are only read.
            let user = self.find_account(named).await?.user;
            keep_an_admin(&user, self.store.other_admins(id).await?)?;
            self.preview(admin, &deletion(admin, &user, conversations)).await?;
            return Ok(user);
        }
        let mut tx = self.store.audited().await?;
        let locked = tx.lock_user_and_admins(id).await?;
        let (user, other_admins) = locked.ok_or_else(|| Error::not_found("user", named))?;
        keep_an_admin(&user, other_admins)?;
        tx.mark_user_deleted(id, clock::now()).await?;
        self.enact(admin, tx, &deletion(admin, &user, conversations)).await?;
        Ok(user)
    }

    /// Removes the data of deleted accounts.
    pub async fn remove_deleted_users(&self) -> Result<()> {
        for user in self.store.deleted_users().await? {
            self.remove_deleted_user(user).await?;
        }
        Ok(())
    }

    async fn remove_deleted_user(&self, user: UserId) -> Result<()> {
        while self.store.remove_deleted(user).await? {
            if self.lifecycle.is_halted() {
                break;
            }
        }
        Ok(())
    }
}

fn deletion(admin: &Admin, user: &User, conversations: i64) -> AuditEntry {
    let mut before = described(user);
    before["id"] = json!(user.id);
    before["conversations"] = json!(conversations);
    AuditEntry { before: Some(before), ..admin.entry("user.delete", target(user)) }
}
