//! Settlements that could not be made when their turns ended, because the counters could not be reached.

use parking_lot::Mutex;

use super::Reservation;
use crate::limits::Actual;

/// How many this process remembers. The others are found as orphaned reservations when their lease is over.
const MAX_PENDING_SETTLEMENTS: usize = 10_000;

#[derive(Default)]
pub(super) struct PendingSettlements(Mutex<Vec<(Reservation, Actual)>>);

impl PendingSettlements {
    pub(super) fn add(&self, taken: &Reservation, actual: Actual) {
        let mut pending = self.0.lock();
        if pending.len() < MAX_PENDING_SETTLEMENTS {
            pending.push((taken.clone(), actual));
        }
    }

    /// All of them; the caller makes them, or adds them again.
    pub(super) fn take(&self) -> Vec<(Reservation, Actual)> {
        std::mem::take(&mut *self.0.lock())
    }
}
