//! Leases under limits, which running turns hold in the home that admitted them, and where they were restored.

use std::sync::Arc;

use super::enforce::{Backend, Reservation, log_lost};
use crate::{
    app::{App, Error, ops::maintenance::LEASE},
    limits::{self, LimitRequest},
    model::Counters,
};

impl App {
    /// Says for every turn of this process that it still runs.
    pub(in crate::app) async fn renew_limits(&self) {
        let reservation: Vec<Arc<Reservation>> = self.quota.reservation().values().map(Arc::clone).collect();
        // Redis may know of those in the database, too: they were restored there.
        if let (Some(redis), false) = (&self.quota.redis, reservation.is_empty()) {
            let takes: Vec<&LimitRequest> = reservation.iter().map(|reservation| &*reservation.request).collect();
            log_lost(redis.renew(&takes, LEASE).await.map(drop).map_err(Error::from), "leases could not be renewed");
        }
        for reservation in reservation.iter().filter(|reservation| reservation.backend == Backend::Database) {
            let renew = |now, request: &LimitRequest, counters: &mut Counters| {
                limits::renew(now, &[request], LEASE, counters);
            };
            log_lost(self.count_here(&reservation.request, renew).await, "a lease could not be renewed");
        }
    }
}
