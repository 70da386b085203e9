//! Checks of running turns: orphans, and leases that are too long.

use chrono::TimeDelta;

use super::Diagnosis;
use crate::{app::App, clock, model::LEASE};

const ORPHANED: &str = "turns.orphaned";
const LEASES: &str = "turns.leases";

pub(super) async fn check(app: &App) -> Vec<Diagnosis> {
    let lease = TimeDelta::from_std(LEASE).unwrap_or_default();
    let now = clock::now();
    match app.store.running_leases(now, now + lease * 2).await {
        Ok((running, lapsed, excessive)) => vec![orphaned(running, lapsed), leases(excessive)],
        Err(error) => vec![Diagnosis::failed(ORPHANED, error.to_string(), "see `database.reachable`")],
    }
}

fn orphaned(running: i64, lapsed: i64) -> Diagnosis {
    if lapsed == 0 {
        return Diagnosis::ok(ORPHANED, format!("each of the {running} running turns has an owner"));
    }
    let detail =
        format!("{lapsed} of {running} running turns have lost their owner, and their conversations are held up");
    Diagnosis::warning(ORPHANED, detail, "a server ends them within seconds; start one with `mcpchat serve`")
}

/// An owner whose clock is ahead takes leases that are too long.
fn leases(excessive: i64) -> Diagnosis {
    if excessive == 0 {
        return Diagnosis::ok(LEASES, "no lease is longer than it may be");
    }
    let detail = format!("{excessive} turns are leased for longer than leases are: the clock of their owner is ahead");
    Diagnosis::warning(
        LEASES,
        detail,
        "have all replicas set their clocks by NTP; `mcpchat turn list --state running` names the turns",
    )
}
