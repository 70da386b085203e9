//! Money as a whole number of nano-dollars, so that sums never drift.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// US dollars × 10⁹. In JSON a plain number of dollars.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, sqlx::Type)]
#[sqlx(transparent)]
pub struct NanoUsd(pub i64);

impl NanoUsd {
    pub fn from_usd(usd: f64) -> Self {
        Self((usd * 1e9).round() as i64)
    }

    /// The number of nano-dollars; nothing costs less than 0.
    pub fn nano(self) -> u64 {
        u64::try_from(self.0).unwrap_or_default()
    }

    pub fn usd(self) -> f64 {
        self.0 as f64 / 1e9
    }
}

impl Serialize for NanoUsd {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_f64(self.usd())
    }
}

impl<'de> Deserialize<'de> for NanoUsd {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        f64::deserialize(from).map(Self::from_usd)
    }
}
