//! CPU, memory and disk usage of the machine, as Linux reports it; `None` elsewhere.

use std::{fs, path::Path};

/// CPU time since boot, in ticks of all processors together.
#[derive(Clone, Copy, Debug)]
pub struct CpuTimes {
    busy: u64,
    all: u64,
}

impl CpuTimes {
    pub fn now() -> Option<Self> {
        let stat = fs::read_to_string("/proc/stat").ok()?;
        // user nice system idle iowait irq softirq steal; what guests use is in user already.
        let ticks = stat.lines().next()?.strip_prefix("cpu ")?.split_whitespace().take(8);
        let ticks: Vec<u64> = ticks.map(|ticks| ticks.parse().ok()).collect::<Option<_>>()?;
        let (all, idle) = (ticks.iter().sum(), ticks.get(3)? + ticks.get(4)?);
        Some(Self { busy: u64::saturating_sub(all, idle), all })
    }

    /// The busy share of the time since `earlier`, in percent.
    pub fn percent_since(self, earlier: Self) -> f64 {
        percent(self.busy.saturating_sub(earlier.busy), self.all.saturating_sub(earlier.all))
    }
}

/// How much of the machine's memory is not available, in percent.
pub fn memory_percent() -> Option<f64> {
    let told = fs::read_to_string("/proc/meminfo").ok()?;
    let (all, available) = (kibibytes(&told, "MemTotal:")?, kibibytes(&told, "MemAvailable:")?);
    Some(percent(all.saturating_sub(available), all))
}

/// How full the file system of a path is, in percent, as `df` tells it: without what is reserved for root.
pub fn disk_percent(path: &Path) -> Option<f64> {
    let told = rustix::fs::statvfs(path).ok()?;
    let used = told.f_blocks.saturating_sub(told.f_bfree);
    Some(percent(used, used + told.f_bavail))
}

/// The resident memory of this process.
pub fn process_memory_bytes() -> Option<u64> {
    Some(kibibytes(&fs::read_to_string("/proc/self/status").ok()?, "VmRSS:")? * 1024)
}

fn kibibytes(told: &str, name: &str) -> Option<u64> {
    told.lines().find_map(|line| line.strip_prefix(name))?.split_whitespace().next()?.parse().ok()
}

/// In percent, with one decimal.
fn percent(part: u64, whole: u64) -> f64 {
    (part as f64 * 1000.0 / whole.max(1) as f64).round() / 10.0
}
