//! From what was measured to the numbers of a line: each with its name in JSON, and its place in the table.

use std::time::Duration;

use crate::{load::Turn, window::Window};

/// One number of a line.
#[derive(Clone, Copy)]
pub struct Number {
    /// In JSON; ends in the unit.
    pub key: &'static str,
    /// In the table: the upper and the lower line of its head.
    pub group: &'static str,
    pub head: &'static str,
    pub decimals: usize,
    /// None where there is nothing to count: no Redis, or not one turn.
    pub value: Option<f64>,
}

pub type Numbers = Vec<Number>;

pub fn numbers(window: &Window) -> Numbers {
    let turns = window.turns.len() as f64;
    let seconds = (window.end.at - window.start.at).as_secs_f64();
    let speed = [
        number("turns_per_second", "", "turns/s", 0, Some(turns / seconds)),
        number("errors", "", "errors", 0, Some(window.errors.values().sum::<u64>() as f64)),
    ];
    let mut all = speed.to_vec();
    all.extend(latencies(window));
    all.extend(cpu(window, turns));
    all.extend(counts(window, turns));
    all.extend([
        number("idle_memory_mib", "memory MiB", "idle", 1, Some(mib(window.idle_bytes))),
        number("peak_memory_mib", "memory MiB", "peak", 1, Some(mib(window.peak_bytes))),
    ]);
    all
}

fn latencies(window: &Window) -> [Number; 6] {
    let whole = Sorted::of(window, |turn| turn.took);
    let own = Sorted::of(window, |turn| turn.took.saturating_sub(turn.provider));
    let before = window.end.overhead.since(&window.start.overhead);
    let before = |share| before.quantile(share).map(|seconds| seconds * 1e3);
    [
        number("p50_ms", "whole ms", "p50", 2, whole.at(0.5)),
        number("p99_ms", "whole ms", "p99", 2, whole.at(0.99)),
        number("own_p50_ms", "own share ms", "p50", 2, own.at(0.5)),
        number("own_p99_ms", "own share ms", "p99", 2, own.at(0.99)),
        number("before_call_p50_ms", "before call ms", "p50", 2, before(0.5)),
        number("before_call_p99_ms", "before call ms", "p99", 2, before(0.99)),
    ]
}

fn cpu(window: &Window, turns: f64) -> [Number; 5] {
    let (start, end) = (&window.start.cpu, &window.end.cpu);
    let cpu = |key, head, start: Option<u64>, end: Option<u64>| {
        let micros = start.zip(end).map(|(start, end)| end.saturating_sub(start) as f64 / 1e3);
        number(key, "CPU µs/turn", head, 0, per(micros, turns))
    };
    [
        cpu("mcpchat_cpu_us_per_turn", "mcpchat", Some(start.mcpchat), Some(end.mcpchat)),
        cpu("postgres_cpu_us_per_turn", "postgres", start.postgres, end.postgres),
        cpu("redis_cpu_us_per_turn", "redis", start.redis, end.redis),
        cpu("provider_cpu_us_per_turn", "provider", Some(start.provider), Some(end.provider)),
        cpu("clients_cpu_us_per_turn", "clients", Some(start.clients), Some(end.clients)),
    ]
}

fn counts(window: &Window, turns: f64) -> [Number; 4] {
    let (start, end) = (&window.start, &window.end);
    let count = |key, head, start: Option<u64>, end: Option<u64>| {
        let count = start.zip(end).map(|(start, end)| end.saturating_sub(start) as f64);
        number(key, "per turn", head, 2, per(count, turns))
    };
    let deltas = window.turns.iter().map(|turn| u64::from(turn.deltas)).sum();
    [
        count("statements_per_turn", "SQL", start.statements, end.statements),
        count("redis_reads_per_turn", "Redis", start.redis_reads, end.redis_reads),
        count("switches_per_turn", "switches", Some(start.switches), Some(end.switches)),
        count("deltas_per_turn", "deltas", Some(0), Some(deltas)),
    ]
}

fn number(key: &'static str, group: &'static str, head: &'static str, decimals: usize, value: Option<f64>) -> Number {
    Number { key, group, head, decimals, value }
}

fn per(sum: Option<f64>, turns: f64) -> Option<f64> {
    sum.filter(|_| turns > 0.0).map(|sum| sum / turns)
}

pub fn mib(bytes: u64) -> f64 {
    bytes as f64 / 1024.0 / 1024.0
}

struct Sorted(Vec<Duration>);

impl Sorted {
    fn of(window: &Window, time: impl Fn(&Turn) -> Duration) -> Self {
        let mut times: Vec<Duration> = window.turns.iter().map(time).collect();
        times.sort_unstable();
        Self(times)
    }

    /// In milliseconds.
    fn at(&self, share: f64) -> Option<f64> {
        let last = self.0.len().checked_sub(1)?;
        Some(self.0[(last as f64 * share).round() as usize].as_secs_f64() * 1e3)
    }
}

/// Number by number over several rounds of the same scenario.
pub fn medians(rounds: &[Numbers]) -> Numbers {
    let median_of = |index: usize, first: &Number| {
        let mut values: Vec<f64> = rounds.iter().filter_map(|round| round[index].value).collect();
        values.sort_unstable_by(f64::total_cmp);
        Number { value: values.get(values.len() / 2).copied(), ..*first }
    };
    let first = rounds.first().map_or(&[][..], Vec::as_slice);
    first.iter().enumerate().map(|(index, number)| median_of(index, number)).collect()
}
