//! Accounts: what a user does to their own, and what an administrator does to others'.

use serde_json::json;

use super::{
    Admin, App, Caller, Error, Origin, Result,
    origin::{anonymous_entry, user_entry},
};
use crate::{
    auth::{PasswordPolicy, generate_password},
    clock,
    config::{Registration, Secret},
    model::{Cursor, Email, Invalid, Page, Role, User, UserId, UserName},
    near,
    store::{self, Account, AuditEntry, NewUser, UserFilter},
};

/// How many names are looked through for a suggestion.
const SUGGESTED_FROM: u32 = 1000;

/// An account to be made. Without a password one is generated.
pub struct UserSpec {
    pub username: UserName,
    pub email: Option<Email>,
    pub role: Role,
    pub password: Option<Secret>,
}

/// An account that was made, and its password if it was generated.
pub struct MadeUser {
    pub user: User,
    pub generated_password: Option<Secret>,
}

impl App {
    /// Makes an account. `dry_run`: checks everything and changes nothing.
    pub async fn add_user(&self, admin: &Admin, spec: &UserSpec, dry_run: bool) -> Result<MadeUser> {
        let entry = admin.entry("user.add", format!("user:{}", spec.username.as_str()));
        let made = self.make_user(spec, (!dry_run).then_some(entry)).await?;
        if !dry_run {
            self.note_admin_action("user.add");
        }
        Ok(made)
    }

    /// Without an entry nothing is committed.
    async fn make_user(&self, spec: &UserSpec, entry: Option<AuditEntry>) -> Result<MadeUser> {
        let generated_password = spec.password.is_none().then(generate_password);
        let password = spec.password.as_ref().or(generated_password.as_ref()).expect("given or generated");
        let own_words = [spec.username.as_str(), spec.email.as_ref().map_or("", Email::as_str)];
        self.password_policy().check(password, &own_words)?;
        let user = User {
            id: UserId::new(),
            username: spec.username.as_str().to_owned(),
            email: spec.email.as_ref().map(|email| email.as_str().to_owned()),
            role: spec.role,
            enabled: true,
            created_at: clock::now(),
            last_login_at: None,
        };
        let password_hash = self.passwords.hash(password).await;
        let mut tx = self.store.audited().await?;
        let new = NewUser {
            id: user.id,
            username: &spec.username,
            email: spec.email.as_ref(),
            password_hash: &password_hash,
            role: user.role,
            created_at: user.created_at,
        };
        tx.insert_user(&new).await.map_err(|error| taken(error, spec))?;
        if let Some(mut entry) = entry {
            entry.after = Some(json!({ "username": user.username, "email": user.email, "role": user.role }));
            tx.commit(&entry).await?;
        }
        Ok(MadeUser { user, generated_password })
    }

    /// Somebody makes an account for themselves, if that is open to all. Counted like a login, by address and name.
    pub async fn register(&self, spec: &UserSpec, origin: &Origin) -> Result<User> {
        if self.config.auth.registration == Registration::Closed {
            let detail = "registration is closed here; ask an administrator for an account".into();
            return Err(Error::Closed(detail));
        }
        self.take_login(origin.address, spec.username.as_str()).await?;
        let mut entry = anonymous_entry(origin, "user.register", "ok");
        entry.target = Some(format!("user:{}", spec.username.as_str()));
        let made = self.make_user(spec, Some(entry)).await?;
        Ok(made.user)
    }

    pub async fn list_users(&self, filter: &UserFilter, cursor: Option<&str>, limit: u32) -> Result<Page<User>> {
        let after = match cursor.map(Cursor::decode).transpose()? {
            Some(Cursor::Name { n }) => Some(n),
            Some(Cursor::Position { .. } | Cursor::Time { .. }) => return Err(Cursor::foreign().into()),
            None => None,
        };
        Ok(self.store.users(filter, after.as_deref(), limit).await?)
    }

    /// By name or email.
    pub async fn show_user(&self, login: &str) -> Result<User> {
        Ok(self.find_account(login).await?.user)
    }

    /// Switches an account on or off; off ends all its sessions at once. Setting what is set changes nothing.
    pub async fn set_user_enabled(&self, admin: &Admin, login: &str, enabled: bool, dry_run: bool) -> Result<User> {
        let mut user = self.find_account(login).await?.user;
        if user.enabled == enabled {
            return Ok(user);
        }
        if !enabled && user.role == Role::Admin && self.is_last_admin(user.id).await? {
            let detail = format!("`{}` is the last enabled admin; promote another first", user.username);
            return Err(Error::Conflict { code: "last_admin", detail });
        }
        user.enabled = enabled;
        if !dry_run {
            let action = if enabled { "user.enable" } else { "user.disable" };
            let mut tx = self.store.audited().await?;
            tx.set_enabled(user.id, enabled).await?;
            if !enabled {
                tx.end_sessions(user.id, None, clock::now()).await?;
            }
            let mut entry = admin.entry(action, format!("user:{}", user.username));
            entry.before = Some(json!({ "enabled": !enabled }));
            entry.after = Some(json!({ "enabled": enabled }));
            tx.commit(&entry).await?;
            self.standings.forget_all();
            self.note_admin_action(action);
        }
        Ok(user)
    }

    /// Gives an account a new password and ends its sessions.
    pub async fn set_user_password(
        &self,
        admin: &Admin,
        login: &str,
        password: Option<&Secret>,
        dry_run: bool,
    ) -> Result<MadeUser> {
        let user = self.find_account(login).await?.user;
        let generated_password = password.is_none().then(generate_password);
        let password = password.or(generated_password.as_ref()).expect("given or generated");
        self.password_policy().check(password, &own_words(&user))?;
        if !dry_run {
            let password_hash = self.passwords.hash(password).await;
            let mut tx = self.store.audited().await?;
            tx.set_password(user.id, &password_hash).await?;
            tx.end_sessions(user.id, None, clock::now()).await?;
            tx.commit(&admin.entry("user.password", format!("user:{}", user.username))).await?;
            self.standings.forget_all();
            self.note_admin_action("user.password");
        }
        Ok(MadeUser { user, generated_password })
    }

    /// A user changes their own password; their other sessions end.
    pub async fn change_password(
        &self,
        caller: &Caller,
        current: &Secret,
        new: &Secret,
        origin: &Origin,
    ) -> Result<()> {
        let user = caller.user();
        self.take_password_change(caller).await?;
        let account = self.store.account(user.id).await?.ok_or_else(|| Error::not_found("user", &user.username))?;
        if !self.passwords.check(current, Some(&account.password_hash)).await.is_right {
            let entry = user_entry(&user.username, origin, "user.password", "wrong_credentials");
            self.store.audited().await?.commit(&entry).await?;
            return Err(Invalid::new("current_password", "is not the current password").into());
        }
        let named = |invalid: Invalid| Invalid { field: "new_password".into(), ..invalid };
        self.password_policy().check(new, &own_words(user)).map_err(named)?;
        let password_hash = self.passwords.hash(new).await;
        let mut tx = self.store.audited().await?;
        tx.set_password(user.id, &password_hash).await?;
        tx.end_sessions(user.id, caller.session(), clock::now()).await?;
        tx.commit(&user_entry(&user.username, origin, "user.password", "ok")).await?;
        self.standings.forget_all();
        Ok(())
    }

    pub(super) async fn find_account(&self, login: &str) -> Result<Account> {
        if let Some(account) = self.store.account_by_login(login).await? {
            return Ok(account);
        }
        let known = self.store.users(&UserFilter::default(), None, SUGGESTED_FROM).await?.items;
        let near = near::names(login, known.iter().map(|user| user.username.as_str()));
        let near = near.into_iter().map(str::to_owned).collect();
        Err(Error::NotFound { kind: "user", name: login.to_owned(), near })
    }

    async fn is_last_admin(&self, id: UserId) -> Result<bool> {
        let filter = UserFilter { role: Some(Role::Admin), enabled: Some(true), query: None };
        Ok(self.store.users(&filter, None, 2).await?.items.iter().all(|admin| admin.id == id))
    }

    fn password_policy(&self) -> PasswordPolicy {
        PasswordPolicy { min_chars: self.config.auth.min_password_length }
    }
}

fn own_words(user: &User) -> [&str; 2] {
    [&user.username, user.email.as_deref().unwrap_or_default()]
}

/// A refused row in the words of who asked for it.
fn taken(error: store::Error, spec: &UserSpec) -> Error {
    match error {
        store::Error::Duplicate { constraint } if constraint.contains("email") => Error::Conflict {
            code: "email_taken",
            detail: format!("the email `{}` belongs to another user", spec.email.as_ref().map_or("", Email::as_str)),
        },
        store::Error::Duplicate { .. } => Error::Conflict {
            code: "username_taken",
            detail: format!("there is a user `{}` already; choose another name", spec.username.as_str()),
        },
        other => other.into(),
    }
}
