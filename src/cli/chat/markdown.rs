//! Markdown output of a report, for `$GITHUB_STEP_SUMMARY`. Its length is bounded; what does not fit is left out and
//! counted, and failures go before successes.

use super::{
    report::{CaseReport, Report, Verdict},
    summary::{cells, sum},
};
use crate::terminal;

const TABLE: &str = "| case | model | result | passed | p50 | cost |\n|---|---|---|---|---|---|\n";
/// Bytes kept for the line that says what was left out.
const RESERVED: usize = 512;

/// Renders at most `room` bytes; nothing where not even the first lines fit.
pub(super) fn page(report: &Report, room: usize) -> String {
    let name = report.suite.as_deref().unwrap_or("mcpchat");
    let head = format!("### {} {}\n\n{}\n\n{TABLE}", sign(report.passed), escaped(name), sum(report));
    let Some(room) = room.checked_sub(RESERVED + head.len()) else { return String::new() };
    let rows: Vec<(bool, String)> =
        report.cases.iter().map(|case| (case.verdict == Verdict::Passed, row(case))).collect();
    let failures: Vec<String> = report.bad().map(failure).collect();
    let all: usize = rows.iter().map(|(_, row)| row.len()).chain(failures.iter().map(String::len)).sum();
    if all <= room {
        let rows: String = rows.into_iter().map(|(_, row)| row).collect();
        return head + &rows + &failures.concat() + "\n";
    }
    let (bad, good): (Vec<_>, Vec<_>) = rows.iter().partition(|(passed, _)| !passed);
    let in_order = bad.into_iter().chain(good).map(|(_, row)| row.as_str());
    let (rows, rows_left_out) = fitting(in_order, room / 2);
    let (told, failures_left_out) = fitting(failures.iter().map(String::as_str), room - rows.len());
    format!(
        "{head}{rows}{told}\nLeft out, because GitHub shows at most 1 MiB: {rows_left_out} of {} cases in the table, \
         and what {failures_left_out} of {} failures were. `--junit` and `--json` tell all.\n\n",
        report.cases.len(),
        failures.len()
    )
}

/// Joins the pieces that fit, and counts those that do not.
fn fitting<'a>(pieces: impl Iterator<Item = &'a str>, room: usize) -> (String, usize) {
    let (mut text, mut left_out) = (String::new(), 0);
    for piece in pieces {
        if text.len() + piece.len() <= room {
            text.push_str(piece);
        } else {
            left_out += 1;
        }
    }
    (text, left_out)
}

fn row(case: &CaseReport) -> String {
    format!("| {} |\n", cells(case).map(|cell| escaped(&cell)).join(" | "))
}

fn failure(case: &CaseReport) -> String {
    let complaints = case.count().into_iter().chain(case.complaints());
    let complaints: String = complaints.map(|complaint| format!("- {}\n", escaped(&complaint))).collect();
    format!("\n**{}**\n\n{complaints}", escaped(&case.title()))
}

fn sign(passed: bool) -> &'static str {
    if passed { "✅" } else { "❌" }
}

/// Escapes untrusted text for one line of Markdown: none of it is markup.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\n' | '\r' => out.push(' '),
            '<' => out.push_str("&lt;"),
            '&' => out.push_str("&amp;"),
            '|' | '`' | '*' | '_' | '[' | ']' | '\\' | '#' => out.extend(['\\', character]),
            _ => out.push(character),
        }
    }
    terminal::line(&out).into_owned()
}
