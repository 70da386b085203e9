//! The clock that replicas share: the database's. What one replica writes, another reads, and their own clocks may be
//! minutes apart. The database's clock is read at intervals; in between, this process counts on with its monotonic
//! clock, which cannot be set.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use parking_lot::Mutex;

use super::{Error, Store};
use crate::clock;

/// The slowest response that is used: beyond it, when its time was read is too uncertain.
const SLOW: Duration = Duration::from_secs(1);

/// The last reading of the database's clock.
#[derive(Clone, Default)]
pub(super) struct SharedClock(Arc<Mutex<Option<Reading>>>);

#[derive(Clone, Copy)]
struct Reading {
    told: DateTime<Utc>,
    at: Instant,
}

impl Store {
    /// The database's time without a query; before the first reading, and for SQLite, this machine's.
    pub fn now(&self) -> DateTime<Utc> {
        let reading = *self.shared_clock.0.lock();
        reading.map_or_else(clock::now, |reading| (reading.told + elapsed(reading.at)).trunc_subsecs(6))
    }

    /// Reads the database's clock.
    pub async fn read_clock(&self) -> Result<(), Error> {
        if self.is_sqlite() {
            return Ok(());
        }
        let asked = Instant::now();
        let told = self.clock().await?;
        let took = asked.elapsed();
        let mut reading = self.shared_clock.0.lock();
        if reading.is_none() || took < SLOW {
            *reading = Some(Reading { told, at: asked + took / 2 });
        }
        Ok(())
    }
}

fn elapsed(since: Instant) -> TimeDelta {
    TimeDelta::from_std(since.elapsed()).unwrap_or(TimeDelta::MAX)
}
