//! Roles of accounts.

use serde_json::json;

use super::{keep_an_admin, target};
use crate::{
    app::{Admin, App, Error, Result},
    model::{Role, User},
    store::AuditEntry,
};

impl App {
    /// Gives a user a higher role, effective from the next request, without a new login.
    pub async fn promote_user(&self, admin: &Admin, named: &str, role: Role) -> Result<User> {
        let id = self.find_account(named).await?.user.id;
        let mut tx = self.store.audited().await?;
        let user = tx.lock_user(id).await?.ok_or_else(|| Error::not_found("user", named))?;
        if user.role == role {
            return Ok(user);
        }
        if user.role.is_above(role) {
            return Err(wrong_way(&user, "above", "demote", role));
        }
        tx.set_role(id, role).await?;
        let entry = admin.entry("user.promote", target(&user));
        self.enact(admin, tx, &changed(entry, user.role, role)).await?;
        Ok(User { role, ..user })
    }

    /// Gives a user a lower role.
    pub async fn demote_user(&self, admin: &Admin, named: &str, role: Role) -> Result<User> {
        let id = self.find_account(named).await?.user.id;
        let mut tx = self.store.audited().await?;
        let locked = tx.lock_user_and_admins(id).await?;
        let (user, other_admins) = locked.ok_or_else(|| Error::not_found("user", named))?;
        if user.role == role {
            return Ok(user);
        }
        if role.is_above(user.role) {
            return Err(wrong_way(&user, "below", "promote", role));
        }
        keep_an_admin(&user, other_admins)?;
        tx.set_role(id, role).await?;
        let entry = admin.entry("user.demote", target(&user));
        self.enact(admin, tx, &changed(entry, user.role, role)).await?;
        Ok(User { role, ..user })
    }
}

fn changed(entry: AuditEntry, from: Role, to: Role) -> AuditEntry {
    AuditEntry { before: Some(json!({ "role": from })), after: Some(json!({ "role": to })), ..entry }
}

fn wrong_way(user: &User, lies: &str, other: &str, role: Role) -> Error {
    let (name, own) = (&user.username, user.role);
    let detail = format!("`{name}` has the role `{own}`, which is {lies} `{role}`; use `{other}` to give them that");
    Error::Conflict { code: "wrong_direction", detail }
}
