//! Known login addresses of each account. A login from one is not held up by attempts of strangers.

use std::{collections::HashSet, net::IpAddr, sync::Arc, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use moka::future::Cache;

use crate::{
    app::{App, Result},
    limits::Subject,
    model::UserId,
    store::Audited,
};

/// How long an address stays known.
const KEPT_FOR: TimeDelta = TimeDelta::days(90);
/// The cache lifetime: a flooding address costs one read in that time.
const CACHED_FOR: Duration = Duration::from_secs(5);
const MAX_CACHED: u64 = 100_000;

/// By address, as limits count it: the folded names and emails of its accounts.
pub(in crate::app) struct LoginAddresses(Cache<String, Arc<HashSet<String>>>);

impl LoginAddresses {
    pub(in crate::app) fn new() -> Self {
        Self(Cache::builder().max_capacity(MAX_CACHED).time_to_live(CACHED_FOR).build())
    }
}

impl App {
    /// Whether the account of this name or email has logged in from there.
    pub(in crate::app) async fn is_known_address(&self, address: Option<IpAddr>, login: &str) -> Result<bool> {
        let Some(address) = address else { return Ok(false) };
        let address = Subject::address(address).to_string();
        if let Some(names) = self.identity.login_addresses.0.get(&address).await {
            return Ok(names.contains(&login.to_lowercase()));
        }
        let hashes = self.identity.tokens().keys().address_hashes(&address);
        let names = self.store.logins_from(&hashes, self.store.now() - KEPT_FOR).await?;
        let names = Arc::new(HashSet::from_iter(names));
        self.identity.login_addresses.0.insert(address, Arc::clone(&names)).await;
        Ok(names.contains(&login.to_lowercase()))
    }

    /// Stores the address, in the transaction of a login.
    pub(in crate::app) async fn note_login_address(
        &self,
        tx: &mut Audited,
        user: UserId,
        address: Option<IpAddr>,
        now: DateTime<Utc>,
    ) -> Result<()> {
        let Some(address) = address else { return Ok(()) };
        let hashes = self.identity.tokens().keys().address_hashes(&Subject::address(address).to_string());
        tx.note_login_address(user, &hashes[0], now).await?;
        Ok(())
    }

    /// Invalidates the cache after that transaction.
    pub(in crate::app) async fn reread_login_address(&self, address: Option<IpAddr>) {
        if let Some(address) = address {
            self.identity.login_addresses.0.invalidate(&Subject::address(address).to_string()).await;
        }
    }

    pub(in crate::app) async fn sweep_login_addresses(&self) {
        self.store.sweep_login_addresses(self.store.now() - KEPT_FOR).await.ok();
    }
}
