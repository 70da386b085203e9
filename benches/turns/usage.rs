//! What processes and threads have used, from Linux's `/proc`.

use std::{fs, process};

use crate::{Result, load, provider};

/// How long a tick of `/proc/<pid>/stat` is: `USER_HZ` is 100 wherever Linux runs.
const TICK_NS: u64 = 10_000_000;

/// CPU time of a process by all its living threads, in nanoseconds.
pub fn cpu_of(pid: u32) -> u64 {
    threads(pid).iter().map(|thread| ran(thread)).sum()
}

/// CPU time of a PostgreSQL: the postmaster, its children, and those of them that have ended.
pub fn cpu_of_postgres(postmaster: u32) -> u64 {
    let all = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = all.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let children = pids.filter(|pid| stat(*pid).first() == Some(&u64::from(postmaster)));
    let ended: u64 = stat(postmaster).get(12..14).unwrap_or_default().iter().sum();
    children.map(cpu_of).sum::<u64>() + cpu_of(postmaster) + ended * TICK_NS
}

/// CPU time of the threads that ask, and of the one that plays the provider.
pub fn cpu_of_own_threads() -> (u64, u64) {
    let named = |name: &str| {
        let named = |thread: &&String| fs::read_to_string(format!("{thread}/comm")).is_ok_and(|it| it.trim() == name);
        threads(process::id()).iter().filter(named).map(|thread| ran(thread)).sum()
    };
    (named(load::THREAD), named(provider::THREAD))
}

/// How often a process's threads were taken off a core, or gave one up.
pub fn switches_of(pid: u32) -> u64 {
    let of_thread = |thread: String| -> u64 { values(&format!("{thread}/status"), "ctxt_switches:").sum() };
    threads(pid).into_iter().map(of_thread).sum()
}

/// Memory in use, in bytes.
pub fn memory_of(pid: u32) -> u64 {
    values(&format!("/proc/{pid}/status"), "VmRSS:").sum::<u64>() * 1024
}

/// The most memory in use since [`forget_peak`], in bytes.
pub fn peak_of(pid: u32) -> u64 {
    values(&format!("/proc/{pid}/status"), "VmHWM:").sum::<u64>() * 1024
}

pub fn forget_peak(pid: u32) -> Result<()> {
    fs::write(format!("/proc/{pid}/clear_refs"), "5").map_err(|error| format!("/proc/{pid}/clear_refs: {error}").into())
}

/// The directories of a process's threads.
fn threads(pid: u32) -> Vec<String> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    tasks.map(|task| task.path().display().to_string()).collect()
}

/// Nanoseconds on a core, 0 for a thread that has just ended.
fn ran(thread: &str) -> u64 {
    let text = fs::read_to_string(format!("{thread}/schedstat")).unwrap_or_default();
    text.split_whitespace().next().and_then(|ran| ran.parse().ok()).unwrap_or_default()
}

/// The numbers of `/proc/<pid>/stat` from the parent's pid on.
fn stat(pid: u32) -> Vec<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let after_name = text.rsplit_once(") ").map_or("", |(_, rest)| rest);
    after_name.split_whitespace().skip(1).map(|number| number.parse().unwrap_or_default()).collect()
}

/// The numbers after this name, which may be the end of a longer one.
fn values(file: &str, name: &str) -> impl Iterator<Item = u64> {
    let text = fs::read_to_string(file).unwrap_or_default();
    let found: Vec<u64> =
        text.lines().filter_map(|line| line.split_once(name)?.1.split_whitespace().next()?.parse().ok()).collect();
    found.into_iter()
}
