//! Status of the service: totals, the machine it runs on, and its dependencies.

use std::time::{Duration, Instant};

use chrono::NaiveTime;
use serde::Serialize;
use tokio::time::{sleep, timeout};
use utoipa::ToSchema;

use crate::{
    app::{Admin, App, Result},
    clock,
    metrics::machine::{self, CpuTimes},
    model::NanoUsd,
    provider::Provider,
};

/// The time limit of each dependency; they are checked concurrently.
const CHECK_TIMEOUT: Duration = Duration::from_secs(3);
/// How long CPU use is sampled.
const CPU_SAMPLE: Duration = Duration::from_millis(100);

/// How much there is, over all replicas. A day is one of UTC.
#[derive(Debug, Serialize, ToSchema)]
pub struct MetricsSnapshot {
    #[schema(minimum = 0)]
    pub user_count: i64,
    /// Without those that were deleted.
    #[schema(minimum = 0)]
    pub conversation_count: i64,
    #[schema(minimum = 0)]
    pub message_count: i64,
    #[schema(minimum = 0)]
    pub turns_running: i64,
    /// Input and output of all turns since midnight.
    #[schema(minimum = 0)]
    pub tokens_today: i64,
    /// In US dollars.
    #[schema(value_type = f64, minimum = 0)]
    pub cost_today: NanoUsd,
}

/// The machine of the replica that answers; what its system does not tell is `null`.
#[derive(Debug, Serialize, ToSchema)]
pub struct SystemStatus {
    /// How busy its processors are, in percent.
    #[schema(minimum = 0, maximum = 100)]
    pub cpu: Option<f64>,
    /// How much of its memory is in use, in percent.
    #[schema(minimum = 0, maximum = 100)]
    pub memory: Option<f64>,
    /// How full the disk is that the data, or on a database server the working directory, is on, in percent.
    #[schema(minimum = 0, maximum = 100)]
    pub disk: Option<f64>,
    /// What this process has in use.
    #[schema(minimum = 0)]
    pub process_memory_bytes: Option<u64>,
    /// Since this process started.
    #[schema(minimum = 0)]
    pub uptime_secs: u64,
    pub version: &'static str,
}

/// What the service needs, as the replica that answers finds it.
#[derive(Debug, Serialize, ToSchema)]
pub struct ServiceStatus {
    pub database: Condition,
    /// `null` where none is configured.
    pub redis: Option<Condition>,
    pub providers: Vec<ProviderCondition>,
}

/// A provider, as the replica that answers finds it.
#[derive(Debug, Serialize, ToSchema)]
pub struct ProviderCondition {
    pub name: String,
    #[serde(flatten)]
    pub condition: Condition,
}

/// Something that the service needs.
#[derive(Debug, Serialize, ToSchema)]
pub struct Condition {
    /// `ok` or `failed`.
    pub status: &'static str,
    /// Why it failed.
    pub error: Option<String>,
    /// How long the answer, or the failure, took.
    #[schema(minimum = 0)]
    pub latency_ms: f64,
}

impl App {
    pub async fn metrics_snapshot(&self, _: &Admin) -> Result<MetricsSnapshot> {
        let midnight = clock::now().date_naive().and_time(NaiveTime::MIN).and_utc();
        let totals = self.store.totals(midnight).await?;
        Ok(MetricsSnapshot {
            user_count: totals.users,
            conversation_count: totals.conversations,
            message_count: totals.messages,
            turns_running: totals.turns_running,
            tokens_today: totals.tokens,
            cost_today: totals.cost,
        })
    }

    pub async fn system_status(&self, _: &Admin) -> SystemStatus {
        let earlier = CpuTimes::now();
        sleep(CPU_SAMPLE).await;
        let folder = self.store.file().and_then(|file| file.parent()).filter(|folder| !folder.as_os_str().is_empty());
        SystemStatus {
            cpu: CpuTimes::now().zip(earlier).map(|(now, earlier)| now.percent_since(earlier)),
            memory: machine::memory_percent(),
            disk: machine::disk_percent(folder.unwrap_or(".".as_ref())),
            process_memory_bytes: machine::process_memory_bytes(),
            uptime_secs: self.lifecycle.uptime().as_secs(),
            version: env!("CARGO_PKG_VERSION"),
        }
    }

    /// Checks all dependencies concurrently, each within a time limit.
    pub async fn service_status(&self, _: &Admin) -> ServiceStatus {
        let database = Condition::of(async { self.store.ensure_writable().await.map_err(|error| error.to_string()) });
        let redis = async {
            let link = self.redis.as_ref()?;
            Some(Condition::of(async { link.ping().await.map_err(|away| away.to_string()) }).await)
        };
        let providers = self.catalogue.providers().iter().map(ProviderCondition::of);
        let (database, redis, providers) = tokio::join!(database, redis, futures_util::future::join_all(providers));
        ServiceStatus { database, redis, providers }
    }
}

impl ProviderCondition {
    async fn of(provider: &Provider) -> Self {
        let reached = async { provider.reach().await.map_err(|failure| failure.to_string()) };
        Self { name: provider.name().to_owned(), condition: Condition::of(reached).await }
    }
}

impl Condition {
    async fn of(asked: impl Future<Output = std::result::Result<(), String>>) -> Self {
        let since = Instant::now();
        let late = || Err(format!("no answer within {} s", CHECK_TIMEOUT.as_secs()));
        let error = timeout(CHECK_TIMEOUT, asked).await.unwrap_or_else(|_| late()).err();
        let status = if error.is_none() { "ok" } else { "failed" };
        Self { status, error, latency_ms: (since.elapsed().as_secs_f64() * 1e6).round() / 1e3 }
    }
}
