//! User accounts.

use chrono::{DateTime, Utc};
use sqlx::FromRow;

use super::{Audited, Error, Store, Tx, on, text::storable, within};
use crate::model::{Cursor, Email, Page, Role, User, UserId, UserName};

/// An account with its login data; never leaves the program.
#[derive(Clone, FromRow)]
pub struct Account {
    #[sqlx(flatten)]
    pub user: User,
    pub password_hash: String,
    /// Increases to revoke all that was issued before.
    pub epoch: i64,
}

/// An account to be inserted.
pub struct NewUser<'a> {
    pub id: UserId,
    pub username: &'a UserName,
    pub email: Option<&'a Email>,
    pub password_hash: &'a str,
    pub role: Role,
    pub created_at: DateTime<Utc>,
}

/// A filter of accounts. Nothing set: all.
#[derive(Debug, Default)]
pub struct UserFilter {
    /// Part of the name or the email.
    pub query: Option<String>,
    pub role: Option<Role>,
    pub enabled: Option<bool>,
}

const USER: &str = "select id, username, email, role, enabled, created_at, last_login_at from users \
                    where id = $1 and deleted_at is null";
const OTHER_ADMINS: &str = "select count(*) from users where role = 'admin' and enabled and id <> $1";

impl Store {
    /// Finds an account by user name or email, whatever their case.
    pub async fn account_by_login(&self, login: &str) -> Result<Option<Account>, Error> {
        let query = "select id, username, email, role, enabled, created_at, last_login_at, password_hash, epoch \
                     from users where (username_folded = $1 or email_folded = $1) and deleted_at is null order by username_folded = $1 desc limit 1";
        let folded = login.to_lowercase();
        let folded = storable(&folded);
        Ok(on!(&self.pool, db => sqlx::query_as(query).bind(folded).fetch_optional(db).await?))
    }

    pub async fn account(&self, id: UserId) -> Result<Option<Account>, Error> {
        let query = "select id, username, email, role, enabled, created_at, last_login_at, password_hash, epoch \
                     from users where id = $1 and deleted_at is null";
        Ok(on!(&self.pool, db => sqlx::query_as(query).bind(id).fetch_optional(db).await?))
    }

    /// How many enabled admins there are besides this account.
    pub async fn other_admins(&self, id: UserId) -> Result<i64, Error> {
        Ok(on!(&self.pool, db => sqlx::query_scalar(OTHER_ADMINS).bind(id).fetch_one(db).await?))
    }

    /// Accounts, in order of their names.
    pub async fn users(&self, filter: &UserFilter, after: Option<&str>, limit: u32) -> Result<Page<User>, Error> {
        let query = "select id, username, email, role, enabled, created_at, last_login_at from users \
                     where deleted_at is null and ($1 is null or username_folded like $1 escape '\\' or email_folded like $1 escape '\\') \
                     and ($2 is null or role = $2) and ($3 is null or enabled = $3) \
                     and ($4 is null or username_folded > $4) order by username_folded limit $5";
        let pattern = filter.query.as_deref().map(like);
        let rows: Vec<User> = on!(&self.pool, db => {
            sqlx::query_as(query)
                .bind(pattern)
                .bind(filter.role.map(Role::as_str))
                .bind(filter.enabled)
                .bind(after.map(storable))
                .bind(i64::from(limit) + 1)
                .fetch_all(db)
                .await?
        });
        Ok(Page::of(rows, limit, |user| Cursor::Name { n: user.username.to_lowercase() }))
    }

    /// The names with this prefix, in order.
    pub async fn user_names(&self, beginning: &str, only_enabled: bool, limit: u32) -> Result<Vec<String>, Error> {
        let query = "select username from users where username_folded like $1 escape '\\' and deleted_at is null \
                     and (enabled or not $3) order by username_folded limit $2";
        let pattern = format!("{}%", literally(beginning));
        Ok(on!(&self.pool, db => {
            sqlx::query_scalar(query).bind(pattern).bind(i64::from(limit)).bind(only_enabled).fetch_all(db).await?
        }))
    }

    /// Replaces a hash by a stronger one of the same password.
    pub async fn rehash_password(&self, id: UserId, old: &str, new: &str) -> Result<(), Error> {
        let query = "update users set password_hash = $3 where id = $1 and password_hash = $2";
        on!(&self.pool, db => { sqlx::query(query).bind(id).bind(old).bind(new).execute(db).await?; });
        Ok(())
    }
}

impl Audited {
    /// Inserts an account. Errors: `Duplicate` for a taken name or email.
    pub async fn insert_user(&mut self, new: &NewUser<'_>) -> Result<(), Error> {
        let query = "insert into users (id, username, username_folded, email, email_folded, password_hash, role, enabled, epoch, created_at) \
                     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
        within!(&mut self.tx, db => {
            sqlx::query(query)
                .bind(new.id)
                .bind(new.username.as_str())
                .bind(new.username.folded())
                .bind(new.email.map(Email::as_str))
                .bind(new.email.map(Email::folded))
                .bind(new.password_hash)
                .bind(new.role)
                .bind(true)
                .bind(0_i64)
                .bind(new.created_at)
                .execute(db)
                .await?;
        });
        Ok(())
    }

    /// Enables or disables an account. Disabling also revokes all that was issued to it.
    pub async fn set_enabled(&mut self, id: UserId, enabled: bool) -> Result<(), Error> {
        let query = "update users set enabled = $2, epoch = epoch + (case when $2 then 0 else 1 end) where id = $1";
        within!(&mut self.tx, db => { sqlx::query(query).bind(id).bind(enabled).execute(db).await?; });
        self.revoke(id);
        Ok(())
    }

    /// The present account; on PostgreSQL locked until the transaction ends.
    pub async fn lock_user(&mut self, id: UserId) -> Result<Option<User>, Error> {
        if let Tx::Postgres(tx) = &mut self.tx {
            sqlx::query("select id from users where id = $1 for update").bind(id).execute(&mut *tx).await?;
        }
        Ok(within!(&mut self.tx, db => sqlx::query_as(USER).bind(id).fetch_optional(db).await?))
    }

    /// The same, and how many other enabled admins there are; on PostgreSQL they are locked too.
    pub async fn lock_user_and_admins(&mut self, id: UserId) -> Result<Option<(User, i64)>, Error> {
        if let Tx::Postgres(tx) = &mut self.tx {
            // All at once and in one order, against deadlocks.
            let lock = "select id from users where id = $1 or (role = 'admin' and enabled) order by id for update";
            sqlx::query(lock).bind(id).execute(&mut *tx).await?;
        }
        Ok(within!(&mut self.tx, db => {
            let user: Option<User> = sqlx::query_as(USER).bind(id).fetch_optional(&mut *db).await?;
            let others = sqlx::query_scalar(OTHER_ADMINS).bind(id).fetch_one(&mut *db).await?;
            user.map(|user| (user, others))
        }))
    }

    pub async fn set_role(&mut self, id: UserId, role: Role) -> Result<(), Error> {
        let query = "update users set role = $2 where id = $1";
        within!(&mut self.tx, db => { sqlx::query(query).bind(id).bind(role).execute(db).await?; });
        self.revoke(id);
        Ok(())
    }

    pub async fn set_password(&mut self, id: UserId, password_hash: &str) -> Result<(), Error> {
        let query = "update users set password_hash = $2 where id = $1";
        within!(&mut self.tx, db => { sqlx::query(query).bind(id).bind(password_hash).execute(db).await?; });
        Ok(())
    }
}

/// A `like` pattern that finds the text anywhere, with its own wildcards taken literally.
fn like(text: &str) -> String {
    format!("%{}%", literally(text))
}

/// Text escaped for a `like` pattern, folded as names are.
fn literally(text: &str) -> String {
    let text = text.to_lowercase();
    let text = storable(&text);
    text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_")
}
