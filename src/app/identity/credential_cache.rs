//! Cache of sessions and keys, so that a busy client costs no round trips. An entry is not used after news of its
//! revocation, nor for long where the revocation feed cannot be followed (`revocations`).

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use moka::future::Cache;
use tokio::sync::Semaphore;
use uuid::Uuid;

use super::revocation_bus::RevocationBus;
use crate::{
    app::Error,
    model::SessionId,
    store::{self, KeyStatus, Outage, SessionStatus, Store},
};

/// The lifetime of an entry without news of it.
const ENTRY_TTL: Duration = Duration::from_secs(10);
/// Entries of each kind. Frequent ones stay when a flood of unknown keys goes through.
const MAX_ENTRIES: u64 = 100_000;
/// Concurrent key lookups: unknown keys can be made up faster than a database answers.
const MAX_CONCURRENT_KEY_LOOKUPS: usize = 3;

pub(in crate::app) struct CredentialCache {
    sessions: Cache<SessionId, Cached<SessionStatus>>,
    /// By public id.
    keys: Cache<String, Cached<KeyStatus>>,
    key_lookups: Semaphore,
    revocations: Arc<RevocationBus>,
}

struct Cached<T> {
    /// When the read began.
    read_at: Instant,
    what: Option<Arc<T>>,
}

impl<T> Clone for Cached<T> {
    fn clone(&self) -> Self {
        Self { read_at: self.read_at, what: self.what.clone() }
    }
}

impl CredentialCache {
    pub(in crate::app) fn new(revocations: Arc<RevocationBus>) -> Self {
        Self {
            sessions: Cache::builder().max_capacity(MAX_ENTRIES).time_to_live(ENTRY_TTL).build(),
            keys: Cache::builder().max_capacity(MAX_ENTRIES).time_to_live(ENTRY_TTL).build(),
            key_lookups: Semaphore::new(MAX_CONCURRENT_KEY_LOOKUPS),
            revocations,
        }
    }

    /// Returns the cached status if it is still valid, else reads the database. Concurrent lookups share a read.
    pub(in crate::app) async fn of_session(
        &self,
        store: &Store,
        id: SessionId,
    ) -> Result<Option<Arc<SessionStatus>>, Error> {
        let asked = Instant::now();
        loop {
            let known =
                self.sessions.try_get_with(id, read(store.standing(id))).await.map_err(|error| unavailable(&error))?;
            if self.holds(&known, asked, |standing| [standing.user.id.into(), id.into()]) {
                return Ok(known.what);
            }
            self.sessions.invalidate(&id).await;
        }
    }

    /// The same for a key.
    pub(in crate::app) async fn of_key(&self, store: &Store, public_id: &str) -> Result<Option<Arc<KeyStatus>>, Error> {
        let asked = Instant::now();
        loop {
            let look_up = async {
                let _place = self.key_lookups.acquire().await.expect("the semaphore is never closed");
                store.key_standing(public_id).await
            };
            let known =
                self.keys.try_get_with_by_ref(public_id, read(look_up)).await.map_err(|error| unavailable(&error))?;
            if self.holds(&known, asked, |standing| [standing.user.id.into(), standing.key_id.into()]) {
                return Ok(known.what);
            }
            self.keys.invalidate(public_id).await;
        }
    }

    fn holds<T>(&self, known: &Cached<T>, asked: Instant, subjects: impl Fn(&T) -> [Uuid; 2]) -> bool {
        // An unknown id stays unknown: a new session or key gets another one.
        let Some(what) = known.what.as_deref() else { return true };
        known.read_at >= asked || self.revocations.confirm(known.read_at, &subjects(what))
    }
}

async fn read<T>(reading: impl Future<Output = Result<Option<T>, store::Error>>) -> Result<Cached<T>, store::Error> {
    let read_at = Instant::now();
    Ok(Cached { read_at, what: reading.await?.map(Arc::new) })
}

fn unavailable(error: &store::Error) -> Error {
    match error {
        store::Error::Unavailable(outage) => Error::DatabaseUnavailable(outage.clone()),
        store::Error::Unanswered(cause) => Error::DatabaseUnavailable(Outage::passing(cause.clone())),
        other => Error::Internal(other.to_string()),
    }
}
