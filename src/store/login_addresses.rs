//! The addresses that accounts were logged in to from, as keyed hashes: without a key, all IPv4 addresses could be
//! hashed in minutes.

use chrono::{DateTime, Utc};

use super::{Audited, Error, Store, on, within};
use crate::model::UserId;

/// How many addresses of an account are kept, the last used ones.
const MAX_PER_USER: i64 = 32;
/// How many accounts of one address are read.
const MAX_PER_ADDRESS: i64 = 1000;

impl Store {
    /// The folded names and emails of the accounts that were logged in to from an address since a time. It may have
    /// several hashes, each by another key.
    pub async fn logins_from(&self, hashes: &[Vec<u8>], since: DateTime<Utc>) -> Result<Vec<String>, Error> {
        let query = "select u.username_folded, u.email_folded from login_addresses a join users u on u.id = a.user_id \
                     where a.address_hash = $1 and a.last_login_at > $2 order by a.last_login_at desc limit $3";
        let mut names = Vec::new();
        for hash in hashes {
            let found: Vec<(String, Option<String>)> = on!(&self.pool, db => {
                sqlx::query_as(query).bind(hash).bind(since).bind(MAX_PER_ADDRESS).fetch_all(db).await?
            });
            names.extend(found.into_iter().flat_map(|(name, email)| [Some(name), email]).flatten());
        }
        Ok(names)
    }

    /// Removes addresses that were last used before `before`.
    pub async fn sweep_login_addresses(&self, before: DateTime<Utc>) -> Result<u64, Error> {
        let query = "delete from login_addresses where last_login_at < $1";
        Ok(on!(&self.pool, db => sqlx::query(query).bind(before).execute(db).await?.rows_affected()))
    }
}

impl Audited {
    /// Records the address of a login. To be called after `insert_session`, which serializes logins to an account.
    pub async fn note_login_address(&mut self, user: UserId, hash: &[u8], now: DateTime<Utc>) -> Result<(), Error> {
        let note = "insert into login_addresses (address_hash, user_id, last_login_at) values ($1, $2, $3) \
                    on conflict (address_hash, user_id) do update set last_login_at = excluded.last_login_at";
        let bound = "delete from login_addresses where user_id = $1 and address_hash not in \
                     (select address_hash from login_addresses where user_id = $1 order by last_login_at desc limit $2)";
        within!(&mut self.tx, db => {
            sqlx::query(note).bind(hash).bind(user).bind(now).execute(&mut *db).await?;
            sqlx::query(bound).bind(user).bind(MAX_PER_USER).execute(&mut *db).await?;
        });
        Ok(())
    }

    /// Removes an account's addresses: clients that know its old password are unknown again.
    pub async fn forget_login_addresses(&mut self, user: UserId) -> Result<(), Error> {
        let query = "delete from login_addresses where user_id = $1";
        within!(&mut self.tx, db => { sqlx::query(query).bind(user).execute(db).await?; });
        Ok(())
    }
}
