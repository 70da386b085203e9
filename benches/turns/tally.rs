//! All that is counted, read at one moment. Two of them and the time between make the numbers of a window.

use std::time::Instant;

use crate::{Result, bed::Bed, mcpchat::Mcpchat, usage};

/// Counters since the start of what they count.
pub struct Tally {
    pub at: Instant,
    pub cpu: Cpu,
    pub switches: u64,
    /// Of PostgreSQL.
    pub statements: Option<u64>,
    pub redis_reads: Option<u64>,
    /// mcpchat's own time from a request to the call of the provider.
    pub overhead: Histogram,
}

/// Nanoseconds on a core.
pub struct Cpu {
    pub mcpchat: u64,
    pub postgres: Option<u64>,
    pub redis: Option<u64>,
    pub clients: u64,
    pub provider: u64,
}

impl Tally {
    pub async fn take(bed: &mut Bed, mcpchat: &Mcpchat) -> Result<Self> {
        let overhead = Histogram::read(&mcpchat.scrape().await?, "mcpchat_overhead_seconds");
        let statements = match &mut bed.postgres {
            Some(postgres) => Some(postgres.statements().await?),
            None => None,
        };
        let redis_reads = match &mut bed.redis {
            Some(redis) => Some(redis.reads().await?),
            None => None,
        };
        let (at, cpu, switches) = (Instant::now(), Cpu::read(bed, mcpchat), usage::switches_of(mcpchat.pid()));
        Ok(Self { at, cpu, switches, statements, redis_reads, overhead })
    }
}

impl Cpu {
    fn read(bed: &Bed, mcpchat: &Mcpchat) -> Self {
        let (clients, provider) = usage::cpu_of_own_threads();
        Self {
            mcpchat: usage::cpu_of(mcpchat.pid()),
            postgres: bed.postgres.as_ref().map(|postgres| usage::cpu_of_postgres(postgres.pid())),
            redis: bed.redis.as_ref().map(|redis| usage::cpu_of(redis.pid())),
            clients,
            provider,
        }
    }
}

/// A Prometheus histogram without labels: how many were at most so many seconds long.
pub struct Histogram(Vec<(f64, f64)>);

impl Histogram {
    fn read(text: &str, name: &str) -> Self {
        let buckets = text.lines().filter_map(|line| {
            let (bound, count) = line.strip_prefix(name)?.strip_prefix("_bucket{le=\"")?.split_once("\"} ")?;
            Some((bound.parse().ok()?, count.parse().ok()?))
        });
        Self(buckets.collect())
    }

    /// What has been added since an earlier reading.
    pub fn since(&self, before: &Self) -> Self {
        let earlier = |index: usize| before.0.get(index).map_or(0.0, |(_, count)| *count);
        Self(self.0.iter().enumerate().map(|(index, (bound, count))| (*bound, count - earlier(index))).collect())
    }

    /// As Prometheus' `histogram_quantile`: evenly spread within a bucket; in the last, its lower bound.
    pub fn quantile(&self, share: f64) -> Option<f64> {
        let total = self.0.last().filter(|(_, count)| *count > 0.0)?.1;
        let index = self.0.iter().position(|(_, count)| *count >= share * total)?;
        let (from, below) = index.checked_sub(1).map_or((0.0, 0.0), |before| self.0[before]);
        let (to, upto) = self.0[index];
        if to.is_finite() { Some(from + (to - from) * (share * total - below) / (upto - below)) } else { Some(from) }
    }
}
