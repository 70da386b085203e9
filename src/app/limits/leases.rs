//! Leases under limits, which running turns hold in the home that admitted them, and where they were restored.

use std::sync::Arc;

use super::enforce::{Held, Home, log_lost};
use crate::{
    app::{App, Error, ops::maintenance::LEASE},
    limits::{self, Take},
    model::Counters,
};

impl App {
    /// Says for every turn of this process that it still runs.
    pub(in crate::app) async fn renew_limits(&self) {
        let held: Vec<Arc<Held>> = self.quota.held().values().map(Arc::clone).collect();
        // Redis may know of those in the database, too: they were restored there.
        if let (Some(redis), false) = (&self.quota.redis, held.is_empty()) {
            let takes: Vec<&Take> = held.iter().map(|held| &*held.take).collect();
            log_lost(redis.renew(&takes, LEASE).await.map(drop).map_err(Error::from), "leases could not be renewed");
        }
        for held in held.iter().filter(|held| held.home == Home::Database) {
            let renew = |now, take: &Take, counters: &mut Counters| {
                limits::renew(now, &[take], LEASE, counters);
            };
            log_lost(self.count_here(&held.take, renew).await, "a lease could not be renewed");
        }
    }
}
