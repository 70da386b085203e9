//! Users' limit overrides. They are joined to what is read of a session or a key anyway, so that no request pays for
//! them.

use chrono::{DateTime, Utc};
use sqlx::{FromRow, Row};

use super::{Audited, Error, Store, on, within};
use crate::model::{LimitOverride, StoredOverride, UserId};

#[derive(FromRow)]
struct OverrideRow {
    user_id: UserId,
    rule: String,
    max: i64,
    until: Option<DateTime<Utc>>,
    reason: Option<String>,
    created_by: String,
    created_at: DateTime<Utc>,
}

impl From<OverrideRow> for StoredOverride {
    fn from(row: OverrideRow) -> Self {
        Self {
            user_id: row.user_id,
            what: LimitOverride { rule: row.rule, max: row.max.unsigned_abs(), until: row.until },
            reason: row.reason.unwrap_or_default(),
            set_by: row.created_by,
            set_at: row.created_at,
        }
    }
}

impl Store {
    /// A user's overrides, by rule; also expired ones.
    pub async fn overrides(&self, user: UserId) -> Result<Vec<StoredOverride>, Error> {
        let query = "select user_id, rule, max, until, reason, created_by, created_at from limit_overrides \
                     where user_id = $1 order by rule";
        let rows: Vec<OverrideRow> = on!(&self.pool, db => sqlx::query_as(query).bind(user).fetch_all(db).await?);
        Ok(rows.into_iter().map(StoredOverride::from).collect())
    }

    /// Removes overrides that expired before `before`.
    pub async fn sweep_overrides(&self, before: DateTime<Utc>) -> Result<u64, Error> {
        let query = "delete from limit_overrides where until < $1";
        Ok(on!(&self.pool, db => sqlx::query(query).bind(before).execute(db).await?.rows_affected()))
    }
}

impl Audited {
    /// Removes a user's override of a rule, invalidates it in all processes, and returns it.
    pub async fn remove_override(&mut self, user: UserId, rule: &str) -> Result<Option<StoredOverride>, Error> {
        let query = "delete from limit_overrides where user_id = $1 and rule = $2 \
                     returning user_id, rule, max, until, reason, created_by, created_at";
        let row: Option<OverrideRow> =
            within!(&mut self.tx, db => sqlx::query_as(query).bind(user).bind(rule).fetch_optional(db).await?);
        self.revoke(user);
        Ok(row.map(StoredOverride::from))
    }

    /// Inserts an override; there must be none yet for this user and rule.
    pub async fn insert_override(&mut self, new: &StoredOverride) -> Result<(), Error> {
        let query = "insert into limit_overrides (user_id, rule, max, until, reason, created_by, created_at) \
                     values ($1, $2, $3, $4, $5, $6, $7)";
        within!(&mut self.tx, db => {
            sqlx::query(query)
                .bind(new.user_id)
                .bind(&new.what.rule)
                .bind(i64::try_from(new.what.max).unwrap_or(i64::MAX))
                .bind(new.what.until)
                .bind(&new.reason)
                .bind(&new.set_by)
                .bind(new.set_at)
                .execute(db)
                .await?;
        });
        self.revoke(new.user_id);
        Ok(())
    }
}

/// A row joined with its user's overrides: there is one for each of them, or one without.
pub(super) struct WithOverride<T> {
    of: T,
    one: Option<LimitOverride>,
}

impl<'r, R: Row, T: FromRow<'r, R>> FromRow<'r, R> for WithOverride<T>
where
    &'static str: sqlx::ColumnIndex<R>,
    Option<String>: sqlx::Decode<'r, R::Database> + sqlx::Type<R::Database>,
    Option<i64>: sqlx::Decode<'r, R::Database> + sqlx::Type<R::Database>,
    Option<DateTime<Utc>>: sqlx::Decode<'r, R::Database> + sqlx::Type<R::Database>,
{
    fn from_row(row: &'r R) -> Result<Self, sqlx::Error> {
        let (rule, max): (Option<String>, Option<i64>) = (row.try_get("rule")?, row.try_get("max")?);
        let until = row.try_get("until")?;
        let one = rule.zip(max).map(|(rule, max)| LimitOverride { rule, max: max.unsigned_abs(), until });
        Ok(Self { of: T::from_row(row)?, one })
    }
}

/// Collects the overrides of the rows of one object.
pub(super) fn gather<T>(rows: Vec<WithOverride<T>>, place: impl Fn(&mut T) -> &mut Vec<LimitOverride>) -> Option<T> {
    let mut gathered: Option<T> = None;
    for WithOverride { of, one } in rows {
        place(gathered.get_or_insert(of)).extend(one);
    }
    gathered
}
