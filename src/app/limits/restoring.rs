//! Taking from counters that may not hold all that was used: Redis after it has lost its data or was away, and the database
//! after Redis was in charge. What is stored durably is put there first, subject by subject, as they are asked for
//! (`limits::restore`). So what one home counted joins the other.

use std::{net::IpAddr, sync::Arc, time::Duration};

use super::enforce::Reservation;
use crate::{
    app::{App, Caller, Result},
    limits::{self, Check, Incomplete, LimitRequest, RedisCounters, Restoration, Subject, TRUSTED_FOR, Verdict},
    model::Counters,
    redis::Unavailable,
    store::Counted,
};

/// How often a take may find that a subject has to be restored, by itself or by another request.
const MOST_TRIES: usize = 8;
/// While Redis is in charge elsewhere, or will be again, the database's own counters are soon behind.
const TRUSTED_BESIDE_REDIS: Duration = Duration::from_millis(500);

impl App {
    /// The outer error is the database's, without which no turn can begin.
    pub(in crate::app) async fn take_in_redis(
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
            let incomplete = limits::incomplete(read.now_us, Some(read.epoch), request.checks(), &read.counters);
            let Some(_begun) = self.quota.restorations.begin(incomplete.iter().map(Incomplete::subject)).await else {
                continue;
            };
            for one in incomplete {
                let restoration = self.restoration(&one, TRUSTED_FOR).await?;
                if let Err(away) = redis.restore(&restoration).await {
                    return Ok(Err(away));
                }
            }
        }
        Ok(Err(Unavailable::Moving))
    }

    pub(in crate::app) async fn take_in_database(&self, request: &Arc<LimitRequest>) -> Result<Verdict> {
        self.quota.fallback.is_ahead();
        let decided = self.decide_in_database(request).await;
        self.quota.fallback.is_ahead();
        decided
    }

    async fn decide_in_database(&self, request: &Arc<LimitRequest>) -> Result<Verdict> {
        let subjects: Vec<String> = request.subjects().into_iter().collect();
        let (begun, incomplete) = loop {
            if let Some(verdict) = self.count_here(request, limits::decide_restored).await? {
                return Ok(verdict);
            }
            let (now_us, counters, _) = self.store.counters(&subjects).await?;
            let incomplete = limits::incomplete(now_us, None, request.checks(), &counters);
            if let Some(begun) = self.quota.restorations.begin(incomplete.iter().map(Incomplete::subject)).await {
                break (begun, incomplete);
            }
        };
        let mut restorations = Vec::new();
        for one in incomplete {
            restorations.push(self.restoration(&one, self.trusted_in_database()).await?);
        }
        let decide = move |now_us, request: &LimitRequest, counters: &mut Counters| {
            restorations.iter().for_each(|one| limits::restore(now_us, one, counters));
            limits::decide(now_us, request, counters)
        };
        let decided = self.count_here(request, decide).await;
        drop(begun);
        decided
    }

    /// What a turn is stored with, so that its use can be counted again.
    pub(in crate::app) fn counted(
        &self,
        caller: &Caller,
        address: Option<IpAddr>,
        reservation: &Reservation,
    ) -> Counted {
        let address = address.filter(|_| self.quota.counts_addresses());
        let reserved = reservation.request.reserved(reservation.max_tokens.unwrap_or(0));
        Counted {
            key: caller.key(),
            address: address.and_then(|address| Subject::address(address).stored_address()),
            reserved_tokens: i64::try_from(reserved.tokens).unwrap_or(i64::MAX),
            reserved_cost: i64::try_from(reserved.cost).unwrap_or(i64::MAX),
        }
    }

    /// Counters as they would be once they are restored. Changes nothing.
    pub(in crate::app) async fn restored(
        &self,
        now_us: i64,
        epoch: Option<i64>,
        checks: &[Check],
        mut counters: Counters,
    ) -> Result<Counters> {
        for one in limits::incomplete(now_us, epoch, checks, &counters) {
            limits::restore(now_us, &self.restoration(&one, TRUSTED_FOR).await?, &mut counters);
        }
        Ok(counters)
    }

    async fn restoration(&self, one: &Incomplete, trusted_for: Duration) -> Result<Restoration> {
        Ok(one.restoration(&self.store.stored_use(&one.question()).await?, trusted_for))
    }

    fn trusted_in_database(&self) -> Duration {
        if self.quota.redis.is_some() { TRUSTED_BESIDE_REDIS } else { TRUSTED_FOR }
    }
}
