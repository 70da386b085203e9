//! API keys. Only the SHA-256 of a secret is stored.

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;
use sqlx::{FromRow, types::Json};
use uuid::Uuid;

use super::{
    Audited, Error, Store, on,
    overrides::{self, WithOverride},
    within,
};
use crate::model::{ApiKey, Cursor, KeyId, KeyName, LimitOverride, Page, Scopes, User, UserId};

/// A key to be inserted.
pub struct NewKey<'a> {
    pub id: KeyId,
    pub user_id: UserId,
    pub public_id: &'a str,
    pub secret_hash: &'a [u8],
    pub name: &'a KeyName,
    pub scopes: &'a Scopes,
    pub created_at: DateTime<Utc>,
    pub expires_at: Option<DateTime<Utc>>,
}

/// The present state of a key and its account, for authentication.
#[derive(Clone, FromRow)]
pub struct KeyStatus {
    #[sqlx(flatten)]
    pub user: User,
    pub key_id: KeyId,
    pub secret_hash: Vec<u8>,
    #[sqlx(json)]
    pub scopes: Scopes,
    pub expires_at: Option<DateTime<Utc>>,
    pub revoked_at: Option<DateTime<Utc>>,
    pub last_used_at: Option<DateTime<Utc>>,
    /// The user's limit overrides.
    #[sqlx(skip)]
    pub overrides: Vec<LimitOverride>,
}

/// A key with its owner.
#[derive(Clone, Debug, FromRow, Serialize)]
pub struct OwnedKey {
    pub username: String,
    #[serde(flatten)]
    #[sqlx(flatten)]
    pub key: ApiKey,
}

impl Store {
    pub async fn key_standing(&self, public_id: &str) -> Result<Option<KeyStatus>, Error> {
        let query = "select u.id, u.username, u.email, u.role, u.enabled, u.created_at, u.last_login_at, \
                     k.id as key_id, k.secret_hash, k.scopes, k.expires_at, k.revoked_at, k.last_used_at, \
                     o.rule, o.max, o.until from api_keys k join users u on u.id = k.user_id \
                     left join limit_overrides o on o.user_id = u.id where k.public_id = $1";
        let rows: Vec<WithOverride<KeyStatus>> =
            on!(&self.pool, db => sqlx::query_as(query).bind(public_id).fetch_all(db).await?);
        Ok(overrides::gather(rows, |standing| &mut standing.overrides))
    }

    /// The keys of a user, or of all users, the newest first.
    pub async fn keys(
        &self,
        user: Option<UserId>,
        after: Option<(DateTime<Utc>, Uuid)>,
        limit: u32,
    ) -> Result<Page<OwnedKey>, Error> {
        let query = "select u.username, k.id, k.name, 'mck_' || k.public_id as prefix, k.scopes, \
                     k.created_at, k.expires_at, k.last_used_at, k.revoked_at \
                     from api_keys k join users u on u.id = k.user_id \
                     where u.deleted_at is null and ($1 is null or k.user_id = $1) and ($2 is null or (k.created_at, k.id) < ($2, $3)) \
                     order by k.created_at desc, k.id desc limit $4";
        let (time, id) = after.unzip();
        let user = user.map(Uuid::from);
        let rows: Vec<OwnedKey> = on!(&self.pool, db => {
            sqlx::query_as(query).bind(user).bind(time).bind(id).bind(i64::from(limit) + 1).fetch_all(db).await?
        });
        Ok(Page::of(rows, limit, |row| Cursor::Time { t: row.key.created_at, id: row.key.id.into() }))
    }

    /// Finds a key by its id or its public id.
    pub async fn key(&self, id: Option<KeyId>, public_id: Option<&str>) -> Result<Option<OwnedKey>, Error> {
        let query = "select u.username, k.id, k.name, 'mck_' || k.public_id as prefix, k.scopes, \
                     k.created_at, k.expires_at, k.last_used_at, k.revoked_at \
                     from api_keys k join users u on u.id = k.user_id \
                     where (k.id = $1 or k.public_id = $2) and u.deleted_at is null";
        let id = id.map(Uuid::from);
        Ok(on!(&self.pool, db => sqlx::query_as(query).bind(id).bind(public_id).fetch_optional(db).await?))
    }

    /// The ids of all keys of a user, also of expired and revoked ones.
    pub async fn key_ids(&self, user: UserId) -> Result<Vec<KeyId>, Error> {
        let query = "select id from api_keys where user_id = $1";
        Ok(on!(&self.pool, db => sqlx::query_scalar(query).bind(user).fetch_all(db).await?))
    }

    /// Writes when keys were last used, each at most once in `apart`, whichever processes saw it.
    pub async fn note_key_uses(&self, uses: &[(KeyId, DateTime<Utc>)], apart: TimeDelta) -> Result<(), Error> {
        let mut tx = self.begin().await?;
        let query =
            "update api_keys set last_used_at = $2 where id = $1 and (last_used_at is null or last_used_at < $3)";
        for (id, at) in uses {
            within!(&mut tx, db => { sqlx::query(query).bind(id).bind(at).bind(*at - apart).execute(db).await?; });
        }
        tx.commit().await
    }
}

impl Audited {
    /// The number of a user's usable keys.
    pub async fn live_keys(&mut self, user: UserId, now: DateTime<Utc>) -> Result<i64, Error> {
        let query = "select count(*) from api_keys \
                     where user_id = $1 and revoked_at is null and (expires_at is null or expires_at > $2)";
        Ok(within!(&mut self.tx, db => sqlx::query_scalar(query).bind(user).bind(now).fetch_one(db).await?))
    }

    pub async fn insert_key(&mut self, new: &NewKey<'_>) -> Result<(), Error> {
        let query = "insert into api_keys (id, user_id, public_id, secret_hash, name, scopes, created_at, expires_at) \
                     values ($1, $2, $3, $4, $5, $6, $7, $8)";
        within!(&mut self.tx, db => {
            sqlx::query(query)
                .bind(new.id)
                .bind(new.user_id)
                .bind(new.public_id)
                .bind(new.secret_hash)
                .bind(new.name.as_str())
                .bind(Json(new.scopes))
                .bind(new.created_at)
                .bind(new.expires_at)
                .execute(db)
                .await?;
        });
        Ok(())
    }

    /// Revokes a key; `false` if it was revoked before.
    pub async fn revoke_key(&mut self, id: KeyId, now: DateTime<Utc>) -> Result<bool, Error> {
        let query = "update api_keys set revoked_at = $2 where id = $1 and revoked_at is null";
        self.revoke(id);
        Ok(within!(&mut self.tx, db => sqlx::query(query).bind(id).bind(now).execute(db).await?.rows_affected() == 1))
    }
}
