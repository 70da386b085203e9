//! Login sessions. `refresh_tokens` renews them.

use chrono::{DateTime, Utc};
use sqlx::FromRow;

use super::{
    Audited, Error, Store, on,
    overrides::{self, WithOverride},
    within,
};
use crate::model::{Cursor, LimitOverride, Page, Session, SessionId, User, UserId};

/// A session to be inserted.
pub struct NewSession<'a> {
    pub id: SessionId,
    pub user_id: UserId,
    pub refresh_hash: &'a [u8],
    pub address: Option<String>,
    pub user_agent: Option<String>,
    pub created_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
}

/// The present state of a session and its account, for authentication.
#[derive(Clone, FromRow)]
pub struct SessionStatus {
    #[sqlx(flatten)]
    pub user: User,
    pub epoch: i64,
    pub expires_at: DateTime<Utc>,
    pub revoked_at: Option<DateTime<Utc>>,
    /// The user's limit overrides.
    #[sqlx(skip)]
    pub overrides: Vec<LimitOverride>,
}

/// Counts of login addresses.
#[derive(Debug, FromRow)]
pub struct LoginAddresses {
    pub users: i64,
    pub addresses: i64,
    /// One of the addresses.
    pub one: Option<String>,
}

impl Store {
    /// The addresses of logins since a time.
    pub async fn login_addresses(&self, since: DateTime<Utc>) -> Result<LoginAddresses, Error> {
        let query = "select count(distinct user_id) as users, count(distinct address) as addresses, min(address) as one \
                     from sessions where created_at > $1 and address is not null";
        Ok(on!(&self.pool, db => sqlx::query_as(query).bind(since).fetch_one(db).await?))
    }

    pub async fn standing(&self, session: SessionId) -> Result<Option<SessionStatus>, Error> {
        let query = "select u.id, u.username, u.email, u.role, u.enabled, u.created_at, u.last_login_at, u.epoch, \
                     s.expires_at, s.revoked_at, o.rule, o.max, o.until \
                     from sessions s join users u on u.id = s.user_id \
                     left join limit_overrides o on o.user_id = u.id where s.id = $1";
        let rows: Vec<WithOverride<SessionStatus>> =
            on!(&self.pool, db => sqlx::query_as(query).bind(session).fetch_all(db).await?);
        Ok(overrides::gather(rows, |standing| &mut standing.overrides))
    }

    /// A user's sessions that are live at `now`, the newest first; after a position.
    pub async fn sessions(
        &self,
        user: UserId,
        now: DateTime<Utc>,
        after: Option<(DateTime<Utc>, uuid::Uuid)>,
        limit: u32,
    ) -> Result<Page<Session>, Error> {
        let query = "select id, created_at, last_used_at, expires_at, address, user_agent from sessions \
                     where user_id = $1 and revoked_at is null and expires_at > $2 \
                     and ($3 is null or (created_at, id) < ($3, $4)) order by created_at desc, id desc limit $5";
        let (time, id) = after.unzip();
        let rows: Vec<Session> = on!(&self.pool, db => {
            sqlx::query_as(query).bind(user).bind(now).bind(time).bind(id).bind(i64::from(limit) + 1).fetch_all(db).await?
        });
        Ok(Page::of(rows, limit, |session| Cursor::Time { t: session.created_at, id: session.id.into() }))
    }

    /// Removes sessions that expired before `before`, with their tokens.
    pub async fn sweep_sessions(&self, before: DateTime<Utc>) -> Result<u64, Error> {
        let query = "delete from sessions where expires_at < $1";
        Ok(on!(&self.pool, db => sqlx::query(query).bind(before).execute(db).await?.rows_affected()))
    }
}

impl Audited {
    pub async fn insert_session(&mut self, new: &NewSession<'_>) -> Result<(), Error> {
        let session = "insert into sessions (id, user_id, address, user_agent, created_at, last_used_at, expires_at) \
                       values ($1, $2, $3, $4, $5, $5, $6)";
        let token = "insert into refresh_tokens (hash, session_id, created_at) values ($1, $2, $3)";
        let login = "update users set last_login_at = $2 where id = $1";
        within!(&mut self.tx, db => {
            sqlx::query(session)
                .bind(new.id)
                .bind(new.user_id)
                .bind(new.address.as_deref())
                .bind(new.user_agent.as_deref())
                .bind(new.created_at)
                .bind(new.expires_at)
                .execute(&mut *db)
                .await?;
            sqlx::query(token).bind(new.refresh_hash).bind(new.id).bind(new.created_at).execute(&mut *db).await?;
            sqlx::query(login).bind(new.user_id).bind(new.created_at).execute(&mut *db).await?;
        });
        Ok(())
    }

    /// Ends one session. Ending an ended one changes nothing.
    pub async fn end_session(&mut self, id: SessionId, now: DateTime<Utc>) -> Result<(), Error> {
        let query = "update sessions set revoked_at = coalesce(revoked_at, $2) where id = $1";
        within!(&mut self.tx, db => { sqlx::query(query).bind(id).bind(now).execute(db).await?; });
        self.revoke(id);
        Ok(())
    }

    /// Ends a user's live sessions, all but `keep`, and returns how many.
    pub async fn end_sessions(
        &mut self,
        user: UserId,
        keep: Option<SessionId>,
        now: DateTime<Utc>,
    ) -> Result<u64, Error> {
        let query = "update sessions set revoked_at = $3 where user_id = $1 and revoked_at is null and expires_at > $3 \
                     and ($2 is null or id <> $2)";
        let keep = keep.map(uuid::Uuid::from);
        self.revoke(user);
        Ok(within!(&mut self.tx, db => {
            sqlx::query(query).bind(user).bind(keep).bind(now).execute(db).await?.rows_affected()
        }))
    }
}
