//! Display names of limit subjects, for operators.

use sqlx::FromRow;

use super::{Error, Pool, Store, with_timeout};
use crate::model::{KeyId, UserId};

/// An account.
#[derive(Clone, Debug, FromRow)]
pub struct NamedUser {
    pub id: UserId,
    pub username: String,
}

/// An API key.
#[derive(Clone, Debug, FromRow)]
pub struct NamedKey {
    pub id: KeyId,
    pub prefix: String,
    pub user_id: UserId,
    pub username: String,
}

macro_rules! named_users {
    ($which:literal) => {
        concat!("select id, username from users where deleted_at is null and id ", $which)
    };
}

macro_rules! named_keys {
    ($which:literal) => {
        concat!(
            "select k.id, 'mck_' || k.public_id as prefix, u.id as user_id, u.username \
             from api_keys k join users u on u.id = k.user_id where u.deleted_at is null and k.id ",
            $which
        )
    };
}

impl Store {
    /// One round trip on PostgreSQL; SQLite has no array parameters, and no round trips.
    pub async fn named_users(&self, ids: &[UserId]) -> Result<Vec<NamedUser>, Error> {
        match &self.pool {
            Pool::Postgres(pool) => {
                let all = sqlx::query_as(named_users!("= any($1)")).bind(ids).fetch_all(pool);
                with_timeout(async { Ok(all.await?) }).await
            }
            Pool::Sqlite(pool) => {
                let mut found = Vec::new();
                for id in ids {
                    let one = sqlx::query_as(named_users!("= $1")).bind(id).fetch_optional(pool);
                    found.extend(with_timeout(async { Ok(one.await?) }).await?);
                }
                Ok(found)
            }
        }
    }

    pub async fn named_keys(&self, ids: &[KeyId]) -> Result<Vec<NamedKey>, Error> {
        match &self.pool {
            Pool::Postgres(pool) => {
                let all = sqlx::query_as(named_keys!("= any($1)")).bind(ids).fetch_all(pool);
                with_timeout(async { Ok(all.await?) }).await
            }
            Pool::Sqlite(pool) => {
                let mut found = Vec::new();
                for id in ids {
                    let one = sqlx::query_as(named_keys!("= $1")).bind(id).fetch_optional(pool);
                    found.extend(with_timeout(async { Ok(one.await?) }).await?);
                }
                Ok(found)
            }
        }
    }
}
