//! The counters of all limits: in Redis, or in the database where there is no Redis, or while it is unavailable and the
//! configuration says so. Which of the two backends decides is settled here and nowhere else; both run the same decision.

mod fallback;
mod inspect;
mod orphans;
mod pending;
mod restore_locks;
mod restoring;

use std::{sync::Arc, time::Duration};

use self::{fallback::Fallback, pending::PendingSettlements, restore_locks::RestoreLocks};
use super::{Actual, Check, LimitRequest, RedisCounters, Verdict, release, renew, settle};
use crate::{
    config::OnFailure,
    model::{CounterState, InstanceId, TurnId},
    redis::{RedisLink, Unavailable},
    store::{self, Store},
};

/// Why counters could not be asked or changed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Store(#[from] store::Error),
    #[error(transparent)]
    Redis(#[from] Unavailable),
}

type Result<T> = std::result::Result<T, Error>;

/// What one request has taken, and from which backend: the receipt for `settle`, `release` and `renew`.
#[derive(Clone, Debug)]
pub struct Reservation {
    request: Arc<LimitRequest>,
    backend: Backend,
}

impl Reservation {
    pub fn request(&self) -> &LimitRequest {
        &self.request
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Backend {
    Redis,
    Database,
}

/// The counters, whichever backend holds them.
pub struct Counters {
    store: Store,
    redis: Option<RedisCounters>,
    on_failure: OnFailure,
    /// This process, as the one that declares a fallback.
    instance: InstanceId,
    fallback: Fallback,
    restore_locks: RestoreLocks,
    pending: PendingSettlements,
}

impl Counters {
    pub fn new(store: Store, redis: Option<&RedisLink>, on_failure: OnFailure, instance: InstanceId) -> Self {
        Self {
            store,
            redis: redis.map(|link| RedisCounters::new(link.clone())),
            on_failure,
            instance,
            fallback: Fallback::default(),
            restore_locks: RestoreLocks::default(),
            pending: PendingSettlements::default(),
        }
    }

    /// Errors: Redis is unavailable, and nothing may be counted without it.
    pub fn demand_available(&self) -> Result<()> {
        match &self.redis {
            Some(redis) if self.on_failure == OnFailure::Refuse => Ok(redis.ensure_up()?),
            _ => Ok(()),
        }
    }

    /// Takes all that a request needs, or nothing. `request` makes the same one for each backend that is asked, under a turn
    /// id of its own: where Redis gave no answer it may have admitted all the same, and what is reserved then belongs to a
    /// turn that never began, which `reconcile` finds.
    pub async fn take(&self, mut request: impl FnMut() -> LimitRequest) -> Result<(Verdict, Reservation)> {
        match &self.redis {
            Some(redis) if !self.fallback.is_on() => {
                let request = Arc::new(request());
                match self.take_in_redis(redis, &request).await? {
                    Ok(verdict) => return Ok((verdict, Reservation { request, backend: Backend::Redis })),
                    Err(unavailable) if self.on_failure == OnFailure::Refuse => return Err(unavailable.into()),
                    Err(_) => self.declare_fallback().await?,
                }
            }
            Some(redis) if !redis.is_up() => self.declare_fallback().await?,
            Some(_) | None => {}
        }
        let request = Arc::new(request());
        let verdict = self.take_in_database(&request).await?;
        Ok((verdict, Reservation { request, backend: Backend::Database }))
    }

    /// Gives everything back: what was admitted did not begin.
    pub async fn release(&self, taken: &Reservation) -> Result<()> {
        match (taken.backend, &self.redis) {
            (Backend::Redis, Some(redis)) => Ok(redis.release(&taken.request).await?),
            _ => self.change(&taken.request, release).await,
        }
    }

    /// Ends the leases and charges what was really used. Where the backend cannot be reached, it is done by `reconcile`.
    pub async fn settle(&self, taken: &Reservation, actual: Actual) -> Result<()> {
        let settled = self.settle_in(taken.backend, &taken.request, actual).await;
        if settled.is_err() {
            self.pending.add(taken, actual);
        }
        if taken.backend == Backend::Database {
            self.fallback.is_ahead();
            self.join_in_redis().await;
        }
        settled
    }

    /// Settles a turn whose owner is gone, in both backends: only the one that has reserved for it finds anything.
    pub async fn settle_everywhere(&self, turn: TurnId, checks: Vec<Check>, actual: Actual) {
        let request = Arc::new(LimitRequest::to_settle(turn, checks));
        if self.redis.is_some() {
            self.settle_in(Backend::Redis, &request, actual).await.ok();
        }
        self.settle_in(Backend::Database, &request, actual).await.ok();
    }

    async fn settle_in(&self, backend: Backend, request: &Arc<LimitRequest>, actual: Actual) -> Result<()> {
        match (backend, &self.redis) {
            (Backend::Redis, Some(redis)) => Ok(redis.settle(request, actual).await?),
            _ => self.change(request, move |now, request, counters| settle(now, request, actual, counters)).await,
        }
    }

    /// Renews the leases of running turns.
    pub async fn renew(&self, taken: &[Reservation], ttl: Duration) -> Result<()> {
        let mut renewed = Ok(());
        // Redis may know of those in the database, too: they were restored there.
        if let (Some(redis), false) = (&self.redis, taken.is_empty()) {
            let requests: Vec<&LimitRequest> = taken.iter().map(|taken| &*taken.request).collect();
            renewed = redis.renew(&requests, ttl).await.map(drop).map_err(Error::from);
        }
        for taken in taken.iter().filter(|taken| taken.backend == Backend::Database) {
            let renew = move |now, request: &LimitRequest, counters: &mut CounterState| {
                renew(now, &[request], ttl, counters);
            };
            renewed = self.change(&taken.request, renew).await.and(renewed);
        }
        renewed
    }

    /// Changes the counters of a request's subjects in the database.
    async fn change<R: Send + 'static>(
        &self,
        request: &Arc<LimitRequest>,
        change: impl Fn(i64, &LimitRequest, &mut CounterState) -> R + Send + Sync + 'static,
    ) -> Result<R> {
        let request = Arc::clone(request);
        let subjects = request.subjects().into_iter().collect();
        Ok(self.store.change_counters(subjects, move |now, counters| change(now, &request, counters)).await?)
    }
}
