//! Audit log reading, in order and in pages. A row that an intruder has changed may be unreadable.

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::{FromRow, Row};

use super::{AuditTail, Error, Store, on, text::storable};
use crate::model::AuditRow;

/// A filter of rows. Nothing set: all.
#[derive(Clone, Debug, Default)]
pub struct AuditFilter {
    /// An actor as it is written, or the name of a user.
    pub actor: Option<String>,
    /// An action as it is written, or the noun it begins with.
    pub action: Option<String>,
    /// A target as it is written, or the name of a user.
    pub target: Option<String>,
    pub since: Option<DateTime<Utc>>,
    /// Up to, and without, this time.
    pub until: Option<DateTime<Utc>>,
}

/// A row as stored, which may not be readable.
pub struct FoundRow {
    pub id: i64,
    /// `Err`: why it cannot be read as a row.
    pub row: Result<AuditRow, String>,
}

/// Which end of the log a page is taken from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    First,
    Last,
}

/// The most by which clocks of replicas differ, so that a row may bear an earlier time than one before it. Rows further
/// outside a searched period are not read.
const CLOCKS_DIFFER: TimeDelta = TimeDelta::hours(1);

macro_rules! columns {
    () => {
        "id, at, actor, surface, address, action, target, outcome, reason, before, after, request_id, previous_hash, hash"
    };
}

/// Rows that meet all conditions, in an index's order (`$lead`): no more is read than the page needs, unless the other
/// conditions let little of it through.
macro_rules! arm {
    ($lead:literal, $order:literal) => {
        concat!(
            "select * from (select ",
            columns!(),
            " from audit where ",
            $lead,
            " and id > $1 and id <= $2 \
             and ($3 is null or actor = $3 or actor = 'user:' || $3) \
             and ($4 is null or action = $4 or substr(action, 1, length($4) + 1) = $4 || '.') \
             and ($5 is null or target = $5 or target = 'user:' || $5) \
             and ($6 is null or at >= $6) and ($7 is null or at < $7) order by id ",
            $order,
            " limit $8) as "
        )
    };
}

/// The rarest condition leads; each of its two spellings has an index of its own.
macro_rules! search {
    ($filter:expr, $order:literal) => {
        match $filter {
            AuditFilter { target: Some(_), .. } => concat!(
                arm!("target = $5", $order), "own union all ", arm!("target = 'user:' || $5", $order), "named order by id ", $order, " limit $8"
            ),
            AuditFilter { actor: Some(_), .. } => concat!(
                arm!("actor = $3", $order), "own union all ", arm!("actor = 'user:' || $3", $order), "named order by id ", $order, " limit $8"
            ),
            AuditFilter { action: Some(_), .. } => concat!(
                arm!("action = $4", $order),
                "own union all ",
                arm!("action <> $4 and substr(action, 1, length(action) - length(ltrim(action, 'abcdefghijklmnopqrstuvwxyz_'))) = $4", $order),
                "noun order by id ", $order, " limit $8"
            ),
            AuditFilter { target: None, actor: None, action: None, .. } => concat!(arm!("true", $order), "every_row"),
        }
    };
}

impl Store {
    /// The rows with numbers over `after` and up to `upto` that the filter lets through, in order: the first ones, or
    /// the last ones.
    pub async fn audit_rows(
        &self,
        filter: &AuditFilter,
        (after, upto): (i64, i64),
        end: End,
        limit: u32,
    ) -> Result<Vec<AuditRow>, Error> {
        let (first, last) = self.bounds(filter).await?;
        let query = match end {
            End::First => search!(filter, "asc"),
            End::Last => search!(filter, "desc"),
        };
        let [actor, action, target] =
            [&filter.actor, &filter.action, &filter.target].map(|text| text.as_deref().map(storable));
        let mut rows: Vec<AuditRow> = on!(&self.pool, db => {
            sqlx::query_as(query)
                .bind(after.max(first))
                .bind(upto.min(last))
                .bind(actor.as_deref())
                .bind(action.as_deref())
                .bind(target.as_deref())
                .bind(filter.since)
                .bind(filter.until)
                .bind(i64::from(limit))
                .fetch_all(db)
                .await?
        });
        if end == End::Last {
            rows.reverse();
        }
        Ok(rows)
    }

    /// The rows as stored, in order.
    pub async fn audit_page(&self, after: i64, upto: i64, limit: u32) -> Result<Vec<FoundRow>, Error> {
        let query = concat!("select ", columns!(), " from audit where id > $1 and id <= $2 order by id limit $3");
        Ok(on!(&self.pool, db => {
            let rows = sqlx::query(query).bind(after).bind(upto).bind(i64::from(limit)).fetch_all(db).await?;
            let read = |row| AuditRow::from_row(row).map_err(|error| error.to_string());
            rows.iter().map(|row| Ok(FoundRow { id: row.try_get("id")?, row: read(row) })).collect::<Result<_, sqlx::Error>>()?
        }))
    }

    pub async fn audit_tail(&self) -> Result<AuditTail, Error> {
        let query = "select id, hash from audit order by id desc limit 1";
        let tail: Option<AuditTail> = on!(&self.pool, db => sqlx::query_as(query).fetch_optional(db).await?);
        Ok(tail.unwrap_or_else(AuditTail::origin))
    }

    /// The numbers around the rows of a period: after the first, and up to the second. Clocks of replicas differ a
    /// little, so a row outside the period may lie between rows inside; it is not left out.
    pub async fn audit_range(
        &self,
        since: Option<DateTime<Utc>>,
        until: Option<DateTime<Utc>>,
    ) -> Result<(i64, i64), Error> {
        let query = "select coalesce(min(id), 1) - 1, coalesce(max(id), 0) from audit \
                     where ($1 is null or at >= $1) and ($2 is null or at < $2)";
        Ok(on!(&self.pool, db => sqlx::query_as(query).bind(since).bind(until).fetch_one(db).await?))
    }

    /// Numbers that the rows of a filter's period lie between: after the first, and up to the second.
    async fn bounds(&self, filter: &AuditFilter) -> Result<(i64, i64), Error> {
        let earlier = "select coalesce((select id from audit where at < $1 order by at desc, id desc limit 1), 0)";
        let later = "select coalesce((select id - 1 from audit where at >= $1 order by at, id limit 1), $2)";
        let first = match filter.since.map(|since| since - CLOCKS_DIFFER) {
            None => 0,
            Some(since) => on!(&self.pool, db => sqlx::query_scalar(earlier).bind(since).fetch_one(db).await?),
        };
        let last = match filter.until.map(|until| until + CLOCKS_DIFFER) {
            None => i64::MAX,
            Some(until) => {
                on!(&self.pool, db => sqlx::query_scalar(later).bind(until).bind(i64::MAX).fetch_one(db).await?)
            }
        };
        Ok((first, last))
    }
}
