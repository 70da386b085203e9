//! Refresh token rotation: each token is exchanged once for its successor. Repeats within a short time get the same
//! successor, as long as it was not used; later, or then, a repeat is a theft. Times are the database's.

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::FromRow;

use super::{Audited, Error, Store, Tx, on, with_timeout, within};
use crate::model::{SessionId, UserId};

/// The result of exchanging a refresh token.
pub enum Rotation {
    /// The old token is used, and its successor, issued at `at`, is not; `successor` is its index among those given.
    Rotated { session: SessionId, user: UserId, at: DateTime<Utc>, successor: usize },
    /// It was used too long ago, or its successor was: its session is ended once `ending` is committed.
    Reused { session: SessionId, username: String, ending: Box<Audited> },
    /// No token of ours, or of a session that has ended.
    Unknown,
}

#[derive(FromRow)]
struct TokenRow {
    session_id: SessionId,
    user_id: UserId,
    username: String,
    used_at: Option<DateTime<Utc>>,
    live: bool,
}

impl Store {
    /// The session of a refresh token, used or not.
    pub async fn session_of_token(&self, hash: &[u8]) -> Result<Option<SessionId>, Error> {
        let query = "select session_id from refresh_tokens where hash = $1";
        Ok(on!(&self.pool, db => sqlx::query_scalar(query).bind(hash).fetch_optional(db).await?))
    }

    /// Exchanges a refresh token for its successor in one transaction. `successors` are the hashes that the successor
    /// can have; a new one gets the first.
    pub async fn rotate(&self, old: &[u8], successors: &[Vec<u8>], grace: TimeDelta) -> Result<Rotation, Error> {
        let mut tx = self.begin().await?;
        let Some(token) = lock_token(&mut tx, old).await? else { return Ok(Rotation::Unknown) };
        // After the lock, so that of two exchanges the second is later.
        let now = now(&mut tx).await?;
        if !token.live {
            return Ok(Rotation::Unknown);
        }
        let (session, user) = (token.session_id, token.user_id);
        let Some(used_at) = token.used_at else {
            replace_token(&mut tx, session, old, &successors[0], now).await?;
            tx.commit().await?;
            return Ok(Rotation::Rotated { session, user, at: now, successor: 0 });
        };
        match find_successor(&mut tx, session, successors).await? {
            Some((successor, false)) if now - used_at <= grace => {
                Ok(Rotation::Rotated { session, user, at: used_at, successor })
            }
            // Derived with a key that this replica does not have.
            None if now - used_at <= grace => Ok(Rotation::Unknown),
            _ => {
                let mut ending = Box::new(self.audited_from(tx));
                ending.end_session(session, now).await?;
                Ok(Rotation::Reused { session, username: token.username, ending })
            }
        }
    }
}

/// The state of a refresh token; PostgreSQL also locks it and its session until the transaction ends.
macro_rules! token_query {
    ($now:literal, $lock:literal) => {
        concat!(
            "select r.session_id, s.user_id, u.username, r.used_at, \
             (s.revoked_at is null and s.expires_at > ",
            $now,
            " and u.enabled) as live \
             from refresh_tokens r join sessions s on s.id = r.session_id join users u on u.id = s.user_id \
             where r.hash = $1",
            $lock
        )
    };
}

async fn lock_token(tx: &mut Tx, hash: &[u8]) -> Result<Option<TokenRow>, Error> {
    match tx {
        Tx::Postgres(tx) => {
            let query = token_query!("clock_timestamp()", " for update of r, s");
            with_timeout(async { Ok(sqlx::query_as(query).bind(hash).fetch_optional(&mut *tx).await?) }).await
        }
        Tx::Sqlite(tx) => {
            let query = sqlx::query_as(token_query!("$2", "")).bind(hash).bind(crate::clock::now());
            with_timeout(async { Ok(query.fetch_optional(&mut **tx).await?) }).await
        }
    }
}

async fn now(tx: &mut Tx) -> Result<DateTime<Utc>, Error> {
    let Tx::Postgres(tx) = tx else { return Ok(crate::clock::now()) };
    with_timeout(async { Ok(sqlx::query_scalar("select clock_timestamp()").fetch_one(&mut *tx).await?) }).await
}

/// The first of these that is stored, and whether it was used.
async fn find_successor(
    tx: &mut Tx,
    session: SessionId,
    successors: &[Vec<u8>],
) -> Result<Option<(usize, bool)>, Error> {
    let query = "select used_at is not null from refresh_tokens where hash = $1 and session_id = $2";
    for (index, hash) in successors.iter().enumerate() {
        let found = within!(tx, db => sqlx::query_scalar(query).bind(hash).bind(session).fetch_optional(db).await?);
        if let Some(is_used) = found {
            return Ok(Some((index, is_used)));
        }
    }
    Ok(None)
}

async fn replace_token(
    tx: &mut Tx,
    session: SessionId,
    old: &[u8],
    new: &[u8],
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let use_up = "update refresh_tokens set used_at = $2 where hash = $1";
    let issue = "insert into refresh_tokens (hash, session_id, created_at) values ($1, $2, $3)";
    let touch = "update sessions set last_used_at = $2 where id = $1";
    within!(tx, db => {
        sqlx::query(use_up).bind(old).bind(now).execute(&mut *db).await?;
        sqlx::query(issue).bind(new).bind(session).bind(now).execute(&mut *db).await?;
        sqlx::query(touch).bind(session).bind(now).execute(&mut *db).await?;
    });
    Ok(())
}
