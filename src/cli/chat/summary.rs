//! Text output of a report: a table, the failures, and one line that sums them up.

use std::time::Duration;

use serde::Serialize;

use super::report::{CaseReport, Report, Verdict};
use crate::{
    cli::output::{Output, Row},
    model::NanoUsd,
    terminal,
};

/// A line of the table.
#[derive(Serialize)]
struct Line {
    cells: [String; 6],
}

impl Row for Line {
    const HEADINGS: &'static [&'static str] = &["CASE", "MODEL", "RESULT", "PASSED", "P50", "COST"];

    fn cells(&self) -> Vec<String> {
        self.cells.to_vec()
    }
}

/// The table cells of a case.
pub(super) fn cells(case: &CaseReport) -> [String; 6] {
    [
        case.name.clone(),
        case.model.clone().unwrap_or_else(|| "-".into()),
        word(case.verdict).into(),
        format!("{}/{}", case.passed, case.repeat),
        time(case.latency_ms.p50),
        dollars(case.cost_usd),
    ]
}

pub(super) fn print(report: &Report, out: &Output) -> std::io::Result<()> {
    let lines: Vec<Line> = report.cases.iter().map(|case| Line { cells: cells(case) }).collect();
    out.list(&lines)?;
    for case in report.bad() {
        let count = case.count().map_or_else(String::new, |count| format!(": {count}"));
        out.print(&format!("\n{}{count}", terminal::line(&case.title())))?;
        for complaint in case.complaints() {
            out.print(&format!("  {}", terminal::plain(&complaint).replace('\n', "\n  ")))?;
        }
    }
    out.print(&format!("\n{}", sum(report)))
}

/// `3 cases: 2 passed, 1 failed · …`.
pub(super) fn sum(report: &Report) -> String {
    let summary = &report.summary;
    let counts = [(summary.passed, "passed"), (summary.failed, "failed"), (summary.errors, "without an answer")];
    let counts: Vec<String> =
        counts.iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}")).collect();
    let cases = if summary.cases == 1 { "case" } else { "cases" };
    format!(
        "{} {cases}: {} · {:.0} % of {} answers passed · latency p50 {}, p95 {} · cost {}",
        summary.cases,
        counts.join(", "),
        // Rounded down: 100 % means all.
        (summary.pass_rate * 100.0).floor(),
        summary.answers,
        time(summary.latency_ms.p50),
        time(summary.latency_ms.p95),
        dollars(summary.cost_usd)
    )
}

fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Passed => "passed",
        Verdict::Failed => "FAILED",
        Verdict::Error => "ERROR",
    }
}

fn time(time: Option<Duration>) -> String {
    match time.map(|time| time.as_millis()) {
        None => "-".into(),
        Some(millis @ 0..10_000) => format!("{millis} ms"),
        Some(millis) => format!("{:.1} s", millis as f64 / 1e3),
    }
}

fn dollars(cost: NanoUsd) -> String {
    format!("${:.6}", cost.usd())
}
