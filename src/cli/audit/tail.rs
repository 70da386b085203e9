//! `mcpchat audit tail`: the latest rows, and with `-f` new ones as they are written.

use std::io;

use clap::Args;

use super::{Exit, Failure, Global, Moment};
use crate::{
    app::{AuditFilter, AuditFollower, Auditor, Error},
    cli::output::{Format, Output, Row},
    model::AuditRow,
    terminal::line,
};

/// Show the latest rows of the audit log, and with -f new ones as they are written
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mcpchat audit tail
  mcpchat audit tail --since 2h --action session.login
  mcpchat audit tail -f --json | while read -r row; do …; done")]
pub struct Tail {
    /// Keep showing new rows, also across restarts of the database
    #[arg(short, long)]
    follow: bool,
    /// Number of rows to begin with [default: 20, or all of them with --since]
    #[arg(short = 'n', long = "rows", value_name = "N")]
    rows: Option<u32>,
    /// From this time on: 2026-01-31T12:00:00Z, 2026-01-31, or 2h for two hours ago
    #[arg(long, value_name = "TIME")]
    since: Option<Moment>,
    /// Only rows of this user or operator
    #[arg(long, value_name = "NAME")]
    actor: Option<String>,
    /// Only this action (user.add), or all actions on one kind of object (user)
    #[arg(long, value_name = "ACTION")]
    action: Option<String>,
    /// Only rows about this user or object
    #[arg(long, value_name = "NAME")]
    target: Option<String>,
}

/// Default number of rows to begin with.
const ROWS: u32 = 20;
/// Minimum column widths, which keep the lines of a followed log aligned.
const WIDTHS: [usize; 8] = [20, 7, 18, 7, 18, 18, 17, 0];

impl Tail {
    pub(super) async fn run(self, global: &Global) -> Result<Exit, Failure> {
        let mut out = global.out();
        // A followed log has no end at which one JSON document could close.
        if out.format == Format::Json {
            out.format = Format::Ndjson;
        }
        if out.format == Format::Table {
            out.print(&out.dim(&columns(AuditRow::HEADINGS.iter().map(|heading| (*heading).to_owned()))))?;
        }
        let (app, auditor) = (global.app().await?, Auditor::operator());
        let (since, follow) = (self.since.map(|moment| moment.0), self.follow);
        let filter = AuditFilter { actor: self.actor, action: self.action, target: self.target, since, until: None };
        let mut follower = match self.rows {
            None if since.is_some() => app.follow_audit(auditor, filter, 0),
            count => {
                let (rows, follower) = app.last_audit_rows(auditor, filter, count.unwrap_or(ROWS)).await?;
                show(&out, &rows)?;
                follower
            }
        };
        if follow {
            return follow_rows(&mut follower, &out).await;
        }
        if self.rows.is_none() && since.is_some() {
            loop {
                let rows = follower.look().await?;
                if rows.is_empty() {
                    break;
                }
                show(&out, &rows)?;
            }
        }
        Ok(Exit::Done)
    }
}

/// Follows the log until the process ends. An unavailable database is reported once, and waited for.
async fn follow_rows(follower: &mut AuditFollower, out: &Output) -> Result<Exit, Failure> {
    let mut is_away = false;
    loop {
        match follower.look().await {
            Ok(rows) => {
                if std::mem::take(&mut is_away) {
                    out.say(&format!("the database is back; going on after row {}", follower.after()));
                }
                show(out, &rows)?;
                if !rows.is_empty() {
                    continue;
                }
            }
            Err(Error::DatabaseUnavailable(outage)) => {
                if !std::mem::replace(&mut is_away, true) {
                    out.say(&format!("the database is away ({}); waiting for it", line(&outage.to_string())));
                }
            }
            Err(error) => return Err(error.into()),
        }
        tokio::time::sleep(AuditFollower::POLL_INTERVAL).await;
    }
}

fn show(out: &Output, rows: &[AuditRow]) -> io::Result<()> {
    if out.format == Format::Table {
        return rows.iter().try_for_each(|row| out.print(&columns(row.cells())));
    }
    out.list(rows)
}

fn columns(cells: impl IntoIterator<Item = String>) -> String {
    let padded = WIDTHS.iter().zip(cells).map(|(width, cell)| format!("{:width$}", line(&cell)));
    padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
}

impl Row for AuditRow {
    const HEADINGS: &'static [&'static str] =
        &["time", "number", "actor", "surface", "action", "target", "outcome", "reason"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.at.format("%Y-%m-%d %H:%M:%SZ").to_string(),
            self.id.to_string(),
            self.actor.clone(),
            self.surface.clone(),
            self.action.clone(),
            self.target.clone().unwrap_or_else(|| "-".into()),
            self.outcome.clone(),
            self.reason.clone().unwrap_or_default(),
        ]
    }
}
