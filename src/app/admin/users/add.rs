//! Account creation: by an administrator, or by self-registration where that is open.

use super::{described, own_words, target};
use crate::{
    app::{Admin, App, Error, Origin, Result, identity::caller::anonymous_entry},
    auth::{DUMMY_HASH, Priority, generate_password},
    clock,
    config::{Registration, Secret},
    model::{Email, Role, User, UserId, UserName},
    store::{self, AuditEntry, Audited, NewUser},
};

/// A new account.
pub struct UserSpec {
    pub username: UserName,
    pub email: Option<Email>,
    pub role: Role,
    pub password: FirstPassword,
}

/// The first password of an account.
pub enum FirstPassword {
    Given(Secret),
    Generated,
    /// No login is possible until an administrator sets one.
    Unknown,
}

impl From<Option<Secret>> for FirstPassword {
    fn from(given: Option<Secret>) -> Self {
        given.map_or(Self::Generated, Self::Given)
    }
}

/// An account, and its new password if that was generated.
pub struct MadeUser {
    pub user: User,
    pub generated_password: Option<Secret>,
}

impl App {
    /// Makes an account.
    pub async fn add_user(&self, admin: &Admin, spec: &UserSpec) -> Result<MadeUser> {
        let (made, tx) = self.make_user(spec).await?;
        let entry = admin.entry("user.add", target(&made.user));
        self.enact(admin, tx, &AuditEntry { after: Some(described(&made.user)), ..entry }).await?;
        Ok(made)
    }

    /// Registers an account by its own user, if registration is open. Counted like a login, by address and name.
    pub async fn register(&self, spec: &UserSpec, origin: &Origin) -> Result<User> {
        if self.config.auth.registration == Registration::Closed {
            let detail = "registration is closed here; ask an administrator for an account".into();
            return Err(Error::Closed(detail));
        }
        self.take_registration(origin, spec.username.as_str()).await?;
        let _place = self.identity.passwords().queue(Priority::Normal).await?;
        let (made, tx) = self.make_user(spec).await?;
        let entry = anonymous_entry(origin, "user.register", "ok");
        let (target, after) = (Some(target(&made.user)), Some(described(&made.user)));
        tx.commit(&AuditEntry { target, after, ..entry }).await?;
        Ok(made.user)
    }

    /// Inserts the account; does not commit.
    async fn make_user(&self, spec: &UserSpec) -> Result<(MadeUser, Audited)> {
        let user = User {
            id: UserId::new(),
            username: spec.username.as_str().to_owned(),
            email: spec.email.as_ref().map(|email| email.as_str().to_owned()),
            role: spec.role,
            enabled: true,
            created_at: clock::now(),
            last_login_at: None,
        };
        let (password_hash, generated_password) = self.hash_first(&user, &spec.password).await?;
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
        Ok((MadeUser { user, generated_password }, tx))
    }

    /// The hash to be stored, and the password if it was generated.
    async fn hash_first(&self, user: &User, password: &FirstPassword) -> Result<(String, Option<Secret>)> {
        let (password, is_generated) = match password {
            FirstPassword::Given(password) => (password.clone(), false),
            FirstPassword::Generated => (generate_password(), true),
            FirstPassword::Unknown => return Ok((DUMMY_HASH.to_owned(), None)),
        };
        self.password_policy().check(&password, &own_words(user))?;
        Ok((self.identity.passwords().hash(&password).await, is_generated.then_some(password)))
    }
}

/// Translates a duplicate row for the client.
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
