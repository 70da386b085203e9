//! Prometheus metrics.
//!
//! Labels come from closed sets (a route pattern, a configured model, provider or rule, an outcome), never from a user,
//! a path or an id: the number of series is bounded by the configuration. Recording takes one short read lock to find
//! the series and then an atomic add; those of a model, many per turn, are found once ([`ModelMetrics`]).
//!
//! [`waits`] times one request or one turn, for its log line.

pub mod machine;
mod models;
pub mod waits;

use std::{
    collections::HashMap,
    sync::{LazyLock, OnceLock},
};

use prometheus::{
    Encoder, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
    TextEncoder,
    core::{Collector, GenericCounterVec},
    process_collector::ProcessCollector,
};

pub use self::models::ModelMetrics;

/// A counter of fractions, by label: dollars.
type CounterVec = GenericCounterVec<prometheus::core::AtomicF64>;

/// Buckets for a whole reply: a quick refusal to the ten minutes of the longest call.
const ANSWER: &[f64] = &[0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 320.0, 640.0];
/// Buckets for the time to the first visible text.
const FIRST_TOKEN: &[f64] = &[0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1.0, 1.5, 2.5, 5.0, 10.0, 20.0, 60.0];
/// Buckets for our own work: 100 µs to a second.
const OWN_WORK: &[f64] =
    &[0.000_1, 0.000_25, 0.000_5, 0.001, 0.002, 0.003, 0.005, 0.007_5, 0.01, 0.015, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0];
/// Buckets for a request: a health check (our own work) or a whole reply.
const REQUEST: &[f64] =
    &[0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 120.0, 600.0];

/// Defines each metric by one text: field, documentation, name and help.
macro_rules! metrics {
    ($(#[doc = $help:literal] $name:ident: $kind:ident [$($label:literal),*] $($buckets:ident)?;)*) => {
        /// All metrics of one process.
        pub struct Metrics {
            registry: Registry,
            models: HashMap<String, ModelMetrics>,
            other_models: OnceLock<ModelMetrics>,
            $(#[doc = $help] pub $name: $kind,)*
        }

        impl Metrics {
            /// `models`: the configured ones. No other name becomes a label.
            pub fn new(models: &[String]) -> Self {
                let registry = Registry::new();
                $(let $name = register(&registry, Shape {
                    name: concat!("mcpchat_", stringify!($name)),
                    help: $help.trim(),
                    labels: &[$($label),*],
                    buckets: &<[&[f64]]>::concat(&[$($buckets)?]),
                });)*
                let (by_name, other_models) = (HashMap::new(), OnceLock::new());
                Self { registry, models: by_name, other_models, $($name),* }.finish(models)
            }
        }
    };
}

metrics! {
    /// HTTP requests answered, by method, route pattern and status.
    http_requests_total: IntCounterVec ["method", "route", "status"];
    /// Time from a request to the end of its response, by route pattern.
    http_request_duration_seconds: HistogramVec ["route"] REQUEST;
    /// Requests and connections turned away because there was too much to do, by reason (connections, address, requests, turns).
    requests_shed_total: IntCounterVec ["reason"];
    /// Turns ended, by model and outcome (completed, failed, cancelled, interrupted).
    turns_total: IntCounterVec ["model", "outcome"];
    /// Time from a message to the end of its turn, by model.
    turn_duration_seconds: HistogramVec ["model"] ANSWER;
    /// Time from a message to the first text of its reply, by model.
    time_to_first_token_seconds: HistogramVec ["model"] FIRST_TOKEN;
    /// Our own share of a turn: from the request to the call of the provider.
    overhead_seconds: Histogram [] OWN_WORK;
    /// Tokens used, by model and direction (input, output, cached).
    tokens_total: IntCounterVec ["model", "direction"];
    /// Cost of the tokens used in US dollars, by model.
    cost_usd_total: CounterVec ["model"];
    /// Requests refused by a limit, by rule.
    rate_limit_violations_total: IntCounterVec ["rule"];
    /// Decisions of limits, by rule and decision (allowed, refused, slowed).
    rate_limit_decisions_total: IntCounterVec ["rule", "decision"];
    /// Logins, by outcome.
    logins_total: IntCounterVec ["outcome"];
    /// Administrative actions done, by action; refused ones as `admin.refused`.
    admin_actions_total: IntCounterVec ["action"];
    /// Turns running in this process.
    turns_running: IntGauge [];
    /// WebSocket connections that are open.
    websocket_connections: IntGauge [];
    /// Tasks alive in this process: some for the service itself, and a few for each connection, socket and turn.
    tasks: IntGauge [];
    /// Connections to the database, by state (idle, used).
    db_pool_connections: IntGaugeVec ["state"];
    /// Whether Redis answers (1) or not (0); absent where none is configured.
    redis_up: IntGaugeVec [];
    /// Calls of providers, by provider and outcome.
    provider_requests_total: IntCounterVec ["provider", "outcome"];
    /// Always 1; the label is the version that runs.
    build_info: IntGaugeVec ["version"];
}

impl Metrics {
    fn finish(mut self, models: &[String]) -> Self {
        self.models = models.iter().map(|name| (name.clone(), ModelMetrics::of(&self, name))).collect();
        self.build_info.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        self.websocket_connections.set(0);
        let process = Box::new(ProcessCollector::for_self());
        self.registry.register(process).expect("the names of the process metrics are not ours");
        self.registry.register(Box::new(LOG_LINES_DROPPED.clone())).expect("no other metric has its name");
        self
    }

    /// The metrics of a model; all that are not configured share `other`.
    pub fn model(&self, name: &str) -> &ModelMetrics {
        let other = || self.other_models.get_or_init(|| ModelMetrics::of(self, models::OTHER));
        self.models.get(name).unwrap_or_else(other)
    }

    /// To be called only where Redis is configured: the series appears with the first call.
    pub fn set_redis_up(&self, up: bool) {
        self.redis_up.with_label_values::<&str>(&[]).set(i64::from(up));
    }

    /// Renders all metrics as text, format 0.0.4 ([`CONTENT_TYPE`]).
    pub fn render(&self) -> String {
        let mut text = Vec::with_capacity(16 * 1024);
        TextEncoder::new().encode(&self.registry.gather(), &mut text).expect("a family with series, into memory");
        String::from_utf8(text).expect("names, labels and numbers are text")
    }
}

/// One per process, like the log.
pub static LOG_LINES_DROPPED: LazyLock<IntCounter> = LazyLock::new(|| {
    let help = "Lines of the log that were dropped because their reader is too slow.";
    IntCounter::new("mcpchat_log_lines_dropped_total", help).expect("the name is valid")
});

/// The media type of what [`Metrics::render`] gives.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

struct Shape<'a> {
    name: &'a str,
    help: &'a str,
    labels: &'a [&'a str],
    buckets: &'a [f64],
}

/// A kind of metric that can be made from its shape.
trait Kind: Collector + Clone + Sized + 'static {
    fn make(shape: &Shape<'_>) -> prometheus::Result<Self>;
}

fn register<K: Kind>(registry: &Registry, shape: Shape<'_>) -> K {
    let metric = K::make(&shape).expect("names and labels above are valid; a test makes them all");
    registry.register(Box::new(metric.clone())).expect("field names are unique");
    metric
}

macro_rules! kinds {
    ($($kind:ty: |$shape:ident| $make:expr;)*) => {
        $(impl Kind for $kind {
            fn make($shape: &Shape<'_>) -> prometheus::Result<Self> {
                $make
            }
        })*
    };
}

kinds! {
    IntCounterVec: |s| Self::new(Opts::new(s.name, s.help), s.labels);
    CounterVec: |s| Self::new(Opts::new(s.name, s.help), s.labels);
    IntGaugeVec: |s| Self::new(Opts::new(s.name, s.help), s.labels);
    IntGauge: |s| Self::new(s.name, s.help);
    Histogram: |s| Self::with_opts(HistogramOpts::new(s.name, s.help).buckets(s.buckets.to_vec()));
    HistogramVec: |s| Self::new(HistogramOpts::new(s.name, s.help).buckets(s.buckets.to_vec()), s.labels);
}

#[cfg(test)]
mod tests {
    use std::{
        io::Write,
        process::{Command, Stdio},
    };

    use super::*;
    use crate::model::{NanoUsd, TurnState, Usage};

    fn usage(input_tokens: u64) -> Usage {
        Usage { input_tokens, cost: NanoUsd::from_usd(0.25), ..Usage::none() }
    }

    fn used() -> Metrics {
        let metrics = Metrics::new(&["mock/echo".into()]);
        metrics.http_requests_total.with_label_values(&["GET", "/api/v1/models", "200"]).inc();
        metrics.http_request_duration_seconds.with_label_values(&["/api/v1/models"]).observe(0.002);
        let model = metrics.model("mock/echo");
        model.count_turn(TurnState::Completed);
        model.turn_duration_seconds.observe(1.5);
        model.time_to_first_token_seconds.observe(0.3);
        metrics.requests_shed_total.with_label_values(&["connections"]).inc();
        metrics.overhead_seconds.observe(0.000_8);
        model.count_usage(usage(12));
        metrics.rate_limit_violations_total.with_label_values(&["per-minute"]).inc();
        metrics.rate_limit_decisions_total.with_label_values(&["per-minute", "refused"]).inc();
        metrics.logins_total.with_label_values(&["ok"]).inc();
        metrics.admin_actions_total.with_label_values(&["user.disable"]).inc();
        metrics.turns_running.set(3);
        metrics.websocket_connections.set(2);
        metrics.db_pool_connections.with_label_values(&["idle"]).set(4);
        metrics.provider_requests_total.with_label_values(&["mock", "ok"]).inc();
        metrics.set_redis_up(true);
        metrics
    }

    #[test]
    fn every_metric_is_rendered_with_its_help() {
        let text = used().render();
        for line in [
            "# HELP mcpchat_turns_running Turns running in this process.",
            "# TYPE mcpchat_overhead_seconds histogram",
            "mcpchat_overhead_seconds_bucket{le=\"0.001\"} 1",
            "mcpchat_http_requests_total{method=\"GET\",route=\"/api/v1/models\",status=\"200\"} 1",
            "mcpchat_turns_total{model=\"mock/echo\",outcome=\"completed\"} 1",
            "mcpchat_turns_total{model=\"mock/echo\",outcome=\"cancelled\"} 0",
            "mcpchat_tokens_total{direction=\"input\",model=\"mock/echo\"} 12",
            "mcpchat_cost_usd_total{model=\"mock/echo\"} 0.25",
            "mcpchat_websocket_connections 2",
            "# TYPE mcpchat_log_lines_dropped_total counter",
            "mcpchat_redis_up 1",
            concat!("mcpchat_build_info{version=\"", env!("CARGO_PKG_VERSION"), "\"} 1"),
            "# TYPE process_cpu_seconds_total counter",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is missing in\n{text}");
        }
    }

    #[test]
    fn names_that_end_in_total_are_counters_and_no_others() {
        for line in used().render().lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
            let (name, kind) = line.split_once(' ').unwrap();
            assert_eq!(name.ends_with("_total"), kind == "counter", "{line}");
        }
    }

    #[test]
    fn redis_is_absent_until_it_is_set() {
        assert!(!Metrics::new(&[]).render().contains("redis_up"));
    }

    #[test]
    fn two_in_one_process_do_not_share_counts() {
        let (one, other) = (Metrics::new(&[]), Metrics::new(&[]));
        one.turns_running.inc();
        assert_eq!(other.turns_running.get(), 0);
    }

    /// What is configured has its series from the start, and nothing that is not configured adds any but `other`.
    #[test]
    fn only_configured_models_are_labels() {
        let metrics = Metrics::new(&["a".into(), "b".into()]);
        metrics.model("gone").count_usage(usage(1));
        let series = metrics.render().lines().count();
        for i in 0..100_000 {
            let model = metrics.model(&format!("model-{i}"));
            model.count_turn(TurnState::Failed);
            model.turn_duration_seconds.observe(0.1);
        }
        let text = metrics.render();
        assert_eq!(text.lines().count(), series);
        assert!(text.contains("mcpchat_turns_total{model=\"other\",outcome=\"failed\"} 100000"), "{text}");
    }

    #[test]
    #[ignore = "needs promtool: tests/run installs it"]
    fn promtool_finds_nothing() {
        let mut promtool = Command::new("promtool")
            .args(["check", "metrics"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        promtool.stdin.take().unwrap().write_all(used().render().as_bytes()).unwrap();
        let output = promtool.wait_with_output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        assert!(output.status.success() && said.is_empty(), "{}", String::from_utf8_lossy(&said));
    }
}
