//! Fallback to the database while Redis is unavailable, such that one counter backend decides at a time. Before a process
//! counts in the database it declares there for how long; the others see it a few times a second, and count there too
//! until that is over. Then what the database has counted joins Redis: the epoch of its data ends (`limits::restore`).

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use parking_lot::{Mutex, MutexGuard};

use super::{Counters, Result};
use crate::{config::OnFailure, limits::RedisCounters, redis::Unavailable};

/// For how long a declaration holds.
const LASTS: Duration = Duration::from_secs(1);
/// With less than that left, a process whose Redis is still away declares again.
const DECLARED_AGAIN: Duration = Duration::from_millis(600);
/// No more than a fault of clocks; a declaration is shorter.
const LONGEST: Duration = Duration::from_secs(10);

#[derive(Default)]
pub(super) struct Fallback {
    declared: Mutex<Declared>,
    /// The database may have counted what Redis does not know.
    is_ahead: AtomicBool,
}

#[derive(Clone, Copy, Default)]
struct Declared {
    here: Option<Instant>,
    anywhere: Option<Instant>,
}

impl Fallback {
    fn declared(&self) -> MutexGuard<'_, Declared> {
        self.declared.lock()
    }

    /// Whether the database is in charge, whatever becomes of Redis.
    pub(super) fn is_on(&self) -> bool {
        self.declared().anywhere.is_some_and(|until| Instant::now() < until)
    }

    /// To be said before the database counts, and again once it has.
    pub(super) fn is_ahead(&self) {
        self.is_ahead.store(true, Ordering::Release);
    }

    fn lasts(&self, lasts: Duration) {
        let until = Instant::now() + lasts.min(LONGEST);
        let mut declared = self.declared();
        declared.anywhere = declared.anywhere.max(Some(until));
    }
}

impl Counters {
    /// Before this process counts in the database because Redis is away.
    pub(super) async fn declare_fallback(&self) -> Result<()> {
        let fallback = &self.fallback;
        if fallback.declared().here.is_some_and(|until| until > Instant::now() + DECLARED_AGAIN) {
            return Ok(());
        }
        self.store.declare_fallback(self.instance, LASTS).await?;
        fallback.declared().here = Some(Instant::now() + LASTS);
        fallback.lasts(LASTS);
        Ok(())
    }

    /// Sees whether any process counts in the database, and, once none does, has what it counted join Redis.
    pub async fn follow_fallbacks(&self) {
        let fallback = &self.fallback;
        if self.redis.is_none() || self.on_failure == OnFailure::Refuse {
            return;
        }
        if let Ok(Some(left)) = self.store.declared_fallback().await {
            fallback.is_ahead();
            fallback.lasts(left);
        }
        self.join_in_redis().await;
    }

    /// As soon as it may; until then Redis is not asked.
    pub(super) async fn join_in_redis(&self) {
        if let Some(redis) = &self.redis
            && redis.is_up()
            && !self.fallback.is_on()
        {
            self.begin_epoch_where_ahead(redis).await.ok();
        }
    }

    pub(super) async fn begin_epoch_where_ahead(&self, redis: &RedisCounters) -> std::result::Result<(), Unavailable> {
        let is_ahead = &self.fallback.is_ahead;
        if !is_ahead.swap(false, Ordering::AcqRel) {
            return Ok(());
        }
        redis.begin_epoch().await.inspect_err(|_| is_ahead.store(true, Ordering::Release))
    }
}
