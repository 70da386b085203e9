//! Restoring a subject's counters in Redis.

use super::{RedisCounters, micros};
use crate::{limits::restore::Restoration, model::LEASE, redis::Unavailable};

impl RedisCounters {
    /// As `limits::restore`. Reservations are listed as orphaned after a lease, unless they are settled.
    pub async fn restore(&self, one: &Restoration) -> Result<(), Unavailable> {
        let subject = one.subject.redis_key();
        let mut call = self.scripts.restore.key(&subject);
        // As in `decide`, no key that is not needed.
        call.key(if one.reserved.is_empty() { &subject } else { &self.scripts.to_settle });
        call.arg(one.epoch).arg(one.until_us).arg(one.now_us + micros(LEASE));
        call.arg(one.dropped.len()).arg(one.reserved.len()).arg(&one.dropped);
        call.arg(one.reserved.iter().map(ToString::to_string).collect::<Vec<_>>());
        for (field, counter) in &one.written {
            call.arg(field).arg(counter.value).arg(counter.expires_us);
        }
        self.link.script::<()>(&call).await
    }
}
