//! The flags of every command that changes something, `--dry-run`, `--reason` and `--yes`, and the output of its
//! result.

use std::io;

use clap::Args;
use serde::Serialize;

use super::{
    Exit, Failure, Output,
    consent::Consent,
    operator,
    output::{Format, Row},
};
use crate::{
    app::Admin,
    model::{AuditRow, Reason},
};

#[derive(Clone, Debug, Args)]
pub(super) struct Mutation {
    /// Show what would change, and change nothing
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Why; kept in the audit log
    #[arg(long, value_name = "TEXT")]
    reason: Option<Reason>,
    #[command(flatten)]
    consent: Consent,
}

impl Mutation {
    /// Asks for confirmation, unless it was given or nothing will be changed. Errors: it was not given.
    pub(super) fn confirm(&self, question: &str) -> Result<(), Failure> {
        if self.dry_run { Ok(()) } else { self.consent.ask(question) }
    }

    /// The operator's authority, with the reason and the dry-run flag.
    pub(super) fn admin(&self) -> Admin {
        operator::admin().because(self.reason.clone()).with_dry_run(self.dry_run)
    }

    /// Prints the result, or in a dry run what it would be, with the audit rows that would be written.
    pub(super) fn show<R: Row>(&self, out: &Output, admin: &Admin, result: &R) -> io::Result<Exit> {
        let rows = admin.rows();
        match (self.dry_run, rows.is_empty()) {
            (false, false) => out.one(result)?,
            (false, true) => {
                out.say("already in this state; nothing was changed");
                out.one(result)?;
            }
            (true, _) => self.print_dry_run(out, &rows, result)?,
        }
        Ok(Exit::Done)
    }

    fn print_dry_run<R: Row>(&self, out: &Output, rows: &[AuditRow], result: &R) -> io::Result<()> {
        if matches!(out.format, Format::Json | Format::Ndjson) {
            return out.json(&DryRun { dry_run: true, result, audit: rows });
        }
        if rows.is_empty() {
            out.say("dry run: already in this state; nothing would be changed");
            return out.one(result);
        }
        out.say("dry run: nothing was changed; the result would be:");
        out.one(result)?;
        out.say("and the audit log would have:");
        rows.iter().try_for_each(|row| out.one(&PlannedAuditRow(row)))
    }
}

/// The JSON output of a dry run.
#[derive(Serialize)]
struct DryRun<'a, R> {
    dry_run: bool,
    result: &'a R,
    audit: &'a [AuditRow],
}

/// An audit row that would be written, without the fields set at writing.
#[derive(Serialize)]
#[serde(transparent)]
struct PlannedAuditRow<'a>(&'a AuditRow);

impl Row for PlannedAuditRow<'_> {
    const HEADINGS: &'static [&'static str] = &["actor", "action", "target", "reason", "before", "after"];

    fn cells(&self) -> Vec<String> {
        let or_none = |text: Option<String>| text.unwrap_or_else(|| "-".into());
        let row = self.0;
        vec![
            row.actor.clone(),
            row.action.clone(),
            or_none(row.target.clone()),
            or_none(row.reason.clone()),
            or_none(row.before.as_ref().map(ToString::to_string)),
            or_none(row.after.as_ref().map(ToString::to_string)),
        ]
    }
}
