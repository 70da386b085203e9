//! Restoration of counters that may not hold all that was used: Redis after it has lost its data or was unavailable, and the
//! database after Redis was in charge. What is stored durably is put there first, subject by subject, as they are asked for
//! (`limits::restore`). So what one backend counted joins the other.

use std::{sync::Arc, time::Duration};

use super::{Counters, Result};
use crate::{
    limits::{
        Check, Incomplete, LimitRequest, RedisCounters, Restoration, TRUSTED_FOR, Verdict, decide, decide_restored,
        incomplete, restore,
    },
    model::CounterState,
    redis::Unavailable,
};

/// How often a take may find that a subject has to be restored, by itself or by another request.
const MOST_TRIES: usize = 8;
/// While Redis is in charge elsewhere, or will be again, the database's own counters are soon behind.
const TRUSTED_BESIDE_REDIS: Duration = Duration::from_millis(500);

impl Counters {
    /// The outer error is the database's, without which no turn can begin.
    pub(super) async fn take_in_redis(
        &self,
        redis: &RedisCounters,
        request: &LimitRequest,
    ) -> Result<std::result::Result<Verdict, Unavailable>> {
        if let Err(away) = self.begin_epoch_where_ahead(redis).await {
            return Ok(Err(away));
        }
        for _ in 0..MOST_TRIES {
            match redis.take(request).await {
                Ok(Some(verdict)) => return Ok(Ok(verdict)),
                Ok(None) => {}
                Err(away) => return Ok(Err(away)),
            }
            let read = match redis.read_counters(request.checks()).await {
                Ok(read) => read,
                Err(away) => return Ok(Err(away)),
            };
            let missing = incomplete(read.now_us, Some(read.epoch), request.checks(), &read.counters);
            let Some(_begun) = self.restore_locks.begin(missing.iter().map(Incomplete::subject)).await else {
                continue;
            };
            for one in missing {
                let restoration = self.restoration(&one, TRUSTED_FOR).await?;
                if let Err(away) = redis.restore(&restoration).await {
                    return Ok(Err(away));
                }
            }
        }
        Ok(Err(Unavailable::Moving))
    }

    pub(super) async fn take_in_database(&self, request: &Arc<LimitRequest>) -> Result<Verdict> {
        self.fallback.is_ahead();
        let decided = self.decide_in_database(request).await;
        self.fallback.is_ahead();
        decided
    }

    async fn decide_in_database(&self, request: &Arc<LimitRequest>) -> Result<Verdict> {
        let subjects: Vec<String> = request.subjects().into_iter().collect();
        let (begun, missing) = loop {
            if let Some(verdict) = self.change(request, decide_restored).await? {
                return Ok(verdict);
            }
            let (now_us, counters, _) = self.store.counters(&subjects).await?;
            let missing = incomplete(now_us, None, request.checks(), &counters);
            if let Some(begun) = self.restore_locks.begin(missing.iter().map(Incomplete::subject)).await {
                break (begun, missing);
            }
        };
        let mut restorations = Vec::new();
        for one in missing {
            restorations.push(self.restoration(&one, self.trusted_in_database()).await?);
        }
        let restore_and_decide = move |now_us, request: &LimitRequest, counters: &mut CounterState| {
            restorations.iter().for_each(|one| restore(now_us, one, counters));
            decide(now_us, request, counters)
        };
        let decided = self.change(request, restore_and_decide).await;
        drop(begun);
        decided
    }

    /// Counters as they would be once they are restored. Changes nothing.
    pub(super) async fn restored(
        &self,
        now_us: i64,
        epoch: Option<i64>,
        checks: &[Check],
        mut counters: CounterState,
    ) -> Result<CounterState> {
        for one in incomplete(now_us, epoch, checks, &counters) {
            restore(now_us, &self.restoration(&one, TRUSTED_FOR).await?, &mut counters);
        }
        Ok(counters)
    }

    async fn restoration(&self, one: &Incomplete, trusted_for: Duration) -> Result<Restoration> {
        Ok(one.restoration(&self.store.stored_use(&one.question()).await?, trusted_for))
    }

    fn trusted_in_database(&self) -> Duration {
        if self.redis.is_some() { TRUSTED_BESIDE_REDIS } else { TRUSTED_FOR }
    }
}
