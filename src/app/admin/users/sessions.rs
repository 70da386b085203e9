//! Sessions of other users, for administrators.

use serde_json::json;

use super::target;
use crate::{
    app::{Admin, App, Error, Result},
    model::{Cursor, Page, Session},
    store::AuditEntry,
};

impl App {
    /// A user's active sessions, the newest first.
    pub async fn list_sessions(
        &self,
        _: &Admin,
        named: &str,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<Page<Session>> {
        let after = match cursor.map(Cursor::decode).transpose()? {
            Some(Cursor::Time { t, id }) => Some((t, id)),
            Some(Cursor::Position { .. } | Cursor::Name { .. }) => return Err(Cursor::foreign().into()),
            None => None,
        };
        let id = self.find_account(named).await?.user.id;
        Ok(self.store.sessions(id, self.store.now(), after, limit).await?)
    }

    /// Ends all sessions of a user and returns their number. API keys are no sessions, and stay valid.
    pub async fn revoke_sessions(&self, admin: &Admin, named: &str) -> Result<u64> {
        let id = self.find_account(named).await?.user.id;
        let mut tx = self.store.audited().await?;
        let user = tx.lock_user(id).await?.ok_or_else(|| Error::not_found("user", named))?;
        let ended = tx.end_sessions(id, None, self.store.now()).await?;
        if ended > 0 {
            let entry = admin.entry("user.revoke_sessions", target(&user));
            self.enact(admin, tx, &AuditEntry { after: Some(json!({ "ended": ended })), ..entry }).await?;
        }
        Ok(ended)
    }
}
