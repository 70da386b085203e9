//! Password changes: by an administrator, and by a user for themselves.

use super::{MadeUser, own_words, target};
use crate::{
    app::{Admin, App, Caller, Error, Origin, Result, identity::caller::user_entry},
    auth::generate_password,
    config::Secret,
    model::Invalid,
};

impl App {
    /// Gives an account a new password, a generated one if none is given, and ends its sessions.
    pub async fn set_user_password(&self, admin: &Admin, named: &str, password: Option<&Secret>) -> Result<MadeUser> {
        let id = self.find_account(named).await?.user.id;
        let generated_password = password.is_none().then(generate_password);
        let password = password.or(generated_password.as_ref()).expect("given or generated");
        let password_hash = self.identity.passwords().hash(password).await;
        let mut tx = self.store.audited().await?;
        let user = tx.lock_user(id).await?.ok_or_else(|| Error::not_found("user", named))?;
        self.password_policy().check(password, &own_words(&user))?;
        tx.set_password(id, &password_hash).await?;
        tx.forget_login_addresses(id).await?;
        tx.end_sessions(id, None, self.store.now()).await?;
        self.enact(admin, tx, &admin.entry("user.password", target(&user))).await?;
        Ok(MadeUser { user, generated_password })
    }

    /// Changes the caller's own password; their other sessions end. An invalid new one does not count as a try of the
    /// current one.
    pub async fn change_password(
        &self,
        caller: &Caller,
        current: &Secret,
        new: &Secret,
        origin: &Origin,
    ) -> Result<()> {
        let (own_session, user) = (caller.login()?, caller.user());
        let named = |invalid: Invalid| Invalid { field: "new_password".into(), ..invalid };
        self.password_policy().check(new, &own_words(user)).map_err(named)?;
        let overrides = self.overrides_of(caller).await?;
        self.take_password_change(caller, &overrides, origin).await?;
        let account = self.store.account(user.id).await?.ok_or_else(|| Error::not_found("user", &user.username))?;
        if !self.identity.passwords().check(current, Some(&account.password_hash)).await.is_right {
            let entry = user_entry(&user.username, origin, "user.password", "wrong_credentials");
            self.store.audited().await?.commit(&entry).await?;
            return Err(Invalid::new("current_password", "is not the current password").into());
        }
        let password_hash = self.identity.passwords().hash(new).await;
        let mut tx = self.store.audited().await?;
        tx.set_password(user.id, &password_hash).await?;
        tx.forget_login_addresses(user.id).await?;
        tx.end_sessions(user.id, Some(own_session), self.store.now()).await?;
        tx.commit(&user_entry(&user.username, origin, "user.password", "ok")).await?;
        self.identity.publish_revocation(user.id);
        Ok(())
    }
}
