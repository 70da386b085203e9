//! Account deletion in two steps: the account is marked and cannot be found from then on, in one short transaction; its
//! data is removed afterwards in small batches, each a transaction of its own, so that no lock is held for long.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::{Audited, Error, Store, Tx, on, totals, with_timeout, within};
use crate::model::{MessageId, TurnId, UserId};

/// How many rows of one table a batch removes. Dependent rows (messages of turns, tokens of sessions) go with them.
const BATCH: i64 = 200;
/// How many deleted accounts are listed at once.
const LISTED: i64 = 100;

/// The rest of an account's data, once its turns are gone. Each statement removes one batch.
const REST: [&str; 3] = [
    "delete from conversations where id in (select id from conversations c where user_id = $1 \
     and not exists (select 1 from turns where turns.conversation_id = c.id) limit $2)",
    "delete from sessions where id in (select id from sessions where user_id = $1 limit $2)",
    "delete from api_keys where id in (select id from api_keys where user_id = $1 limit $2)",
];

impl Audited {
    /// Marks an account as deleted: its name and email are free again, all that was issued to it is revoked.
    pub async fn mark_user_deleted(&mut self, id: UserId, now: DateTime<Utc>) -> Result<(), Error> {
        // No user name has a space in it.
        let query = "update users set deleted_at = $2, username_folded = 'deleted ' || $3, email = null, email_folded = null, \
                     password_hash = '', enabled = false, epoch = epoch + 1 where id = $1";
        within!(&mut self.tx, db => {
            sqlx::query(query).bind(id).bind(now).bind(id.to_string()).execute(db).await?;
        });
        self.revoke(id);
        Ok(())
    }
}

impl Store {
    /// Accounts that are marked as deleted and not removed yet.
    pub async fn deleted_users(&self) -> Result<Vec<UserId>, Error> {
        let query = "select id from users where deleted_at is not null order by id limit $1";
        Ok(on!(&self.pool, db => sqlx::query_scalar(query).bind(LISTED).fetch_all(db).await?))
    }

    pub async fn conversation_count(&self, user: UserId) -> Result<i64, Error> {
        let query = "select count(*) from conversations where user_id = $1";
        Ok(on!(&self.pool, db => sqlx::query_scalar(query).bind(user).fetch_one(db).await?))
    }

    /// Removes a batch of a deleted account's data, and its own row last. `false` when there is nothing left to remove
    /// here, also while another process removes the last of it.
    pub async fn remove_deleted(&self, user: UserId) -> Result<bool, Error> {
        if self.remove_turns(user).await? {
            return Ok(true);
        }
        for rest in REST {
            let removed = self.remove_batch(rest, user).await?;
            if removed > 0 {
                return Ok(true);
            }
        }
        // Not while there are turns: a cascade over many rows would hold locks for long.
        let last = "delete from users where id = $1 and deleted_at is not null \
                    and not exists (select 1 from turns where user_id = $1) \
                    and not exists (select 1 from conversations where user_id = $1)";
        on!(&self.pool, db => { sqlx::query(last).bind(user).execute(db).await?; });
        Ok(false)
    }

    async fn remove_batch(&self, rest: &'static str, user: UserId) -> Result<u64, Error> {
        Ok(on!(&self.pool, db => sqlx::query(rest).bind(user).bind(BATCH).execute(db).await?.rows_affected()))
    }

    async fn remove_turns(&self, user: UserId) -> Result<bool, Error> {
        let mut tx = self.begin().await?;
        let removed = remove_turns(&mut tx, user).await?;
        let mut by_day: BTreeMap<i64, i64> = BTreeMap::new();
        for message in removed.iter().filter_map(|(_, message)| *message) {
            *by_day.entry(totals::day_of(message)).or_default() += 1;
        }
        for (day, messages) in by_day {
            totals::subtract(&mut tx, day, messages).await?;
        }
        tx.commit().await?;
        Ok(!removed.is_empty())
    }
}

/// Removes a batch of turns, and returns them with their messages. On PostgreSQL concurrent processes take other ones.
async fn remove_turns(tx: &mut Tx, user: UserId) -> Result<Vec<(TurnId, Option<MessageId>)>, Error> {
    match tx {
        Tx::Postgres(tx) => {
            let query = "with batch as (select id from turns where user_id = $1 order by id desc limit $2 for update skip locked), \
                         gone as (delete from turns using batch where turns.id = batch.id returning turns.id) \
                         select gone.id, messages.id from gone left join messages on messages.turn_id = gone.id";
            let removed = sqlx::query_as(query).bind(user).bind(BATCH).fetch_all(&mut *tx);
            with_timeout(async { Ok(removed.await?) }).await
        }
        Tx::Sqlite(tx) => {
            let query = "select batch.id, messages.id \
                         from (select id from turns where user_id = $1 order by id desc limit $2) as batch \
                         left join messages on messages.turn_id = batch.id";
            let found = sqlx::query_as(query).bind(user).bind(BATCH).fetch_all(&mut **tx).await?;
            let remove =
                "delete from turns where id in (select id from turns where user_id = $1 order by id desc limit $2)";
            sqlx::query(remove).bind(user).bind(BATCH).execute(&mut **tx).await?;
            Ok(found)
        }
    }
}
