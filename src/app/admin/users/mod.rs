//! Accounts, for their users and for administrators. One file per topic; here, finding and showing them, and what all
//! topics share.

mod add;
mod delete;
mod enable;
mod password;
mod role;
mod sessions;

use serde_json::{Value, json};

pub use self::add::{FirstPassword, MadeUser, UserSpec};
use crate::{
    app::{Admin, App, Caller, Error, Result},
    auth::PasswordPolicy,
    model::{Cursor, Page, Role, Scope, User, UserId},
    store::{Account, UserFilter},
    suggestions,
};

/// How many names are looked through for a suggestion.
const SUGGESTED_FROM: u32 = 1000;
/// A UUID with its hyphens.
const ID_CHARS: usize = 36;

impl App {
    /// The caller's own account.
    pub fn me(&self, caller: &Caller) -> Result<User> {
        caller.may(Scope::Read).cloned()
    }

    /// Ordered by name.
    pub async fn list_users(
        &self,
        _: &Admin,
        filter: &UserFilter,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<Page<User>> {
        let after = match cursor.map(Cursor::decode).transpose()? {
            Some(Cursor::Name { n }) => Some(n),
            Some(Cursor::Position { .. } | Cursor::Time { .. }) => return Err(Cursor::foreign().into()),
            None => None,
        };
        Ok(self.store.users(filter, after.as_deref(), limit).await?)
    }

    /// By id, name or email.
    pub async fn show_user(&self, _: &Admin, named: &str) -> Result<User> {
        Ok(self.find_account(named).await?.user)
    }

    /// By id, name or email. A text with the form of an id is one, even if it is a user's name.
    pub(in crate::app) async fn find_account(&self, named: &str) -> Result<Account> {
        let id: Option<UserId> = named.parse().ok().filter(|_| named.len() == ID_CHARS);
        let found = match id {
            Some(id) => self.store.account(id).await?,
            None => self.store.account_by_login(named).await?,
        };
        if let Some(account) = found {
            return Ok(account);
        }
        let known = self.store.users(&UserFilter::default(), None, SUGGESTED_FROM).await?.items;
        let near = suggestions::names(named, known.iter().map(|user| user.username.as_str()));
        let near = near.into_iter().map(str::to_owned).collect();
        Err(Error::NotFound { kind: "user", name: named.to_owned(), near })
    }

    fn password_policy(&self) -> PasswordPolicy {
        PasswordPolicy { min_chars: self.config.auth.min_password_length }
    }
}

/// Refuses to remove the last admin. To be called in the transaction that has locked both (`Audited`).
fn keep_an_admin(user: &User, other_admins: i64) -> Result<()> {
    if user.enabled && user.role == Role::Admin && other_admins == 0 {
        let detail = format!("`{}` is the last enabled admin; promote another first", user.username);
        return Err(Error::Conflict { code: "last_admin", detail });
    }
    Ok(())
}

fn target(user: &User) -> String {
    format!("user:{}", user.username)
}

/// An account as the audit log shows it.
fn described(user: &User) -> Value {
    json!({ "username": user.username, "email": user.email, "role": user.role, "enabled": user.enabled })
}

/// The words that a password must not contain.
fn own_words(user: &User) -> [&str; 2] {
    [&user.username, user.email.as_deref().unwrap_or_default()]
}
