//! `mcpchat audit export`: the audit log as NDJSON, for archiving and for verifying it elsewhere.

use std::{
    fs::{self, OpenOptions},
    io::{self, BufWriter, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use clap::Args;

use super::{Exit, Failure, Global, Moment};
use crate::{
    app::{App, AuditFilter, Auditor},
    model::AuditRow,
};

/// Write the audit log as one JSON object a line; `audit verify --export` takes it
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mcpchat audit export > log.ndjson
  mcpchat audit export --since 2026-01-01 --until 2026-02-01 --out january.ndjson")]
pub struct Export {
    /// From the first row of this time on: 2026-01-31T12:00:00Z, 2026-01-31, or 2h for two hours ago
    #[arg(long, value_name = "TIME")]
    since: Option<Moment>,
    /// Up to the last row before this time
    #[arg(long, value_name = "TIME")]
    until: Option<Moment>,
    /// Write to this file, which has its name only once it is whole
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

impl Export {
    pub(super) async fn run(self, global: &Global) -> Result<Exit, Failure> {
        let (since, until) = (self.since.map(|moment| moment.0), self.until.map(|moment| moment.0));
        let filter = AuditFilter { since, until, ..AuditFilter::default() };
        let app = global.app().await?;
        match &self.out {
            None => drop(write(&app, &filter, io::stdout()).await?),
            Some(path) => {
                let count = write_file(&app, &filter, path).await?;
                global.out().say(&format!("wrote {count} rows to {}", path.display()));
            }
        }
        Ok(Exit::Done)
    }
}

async fn write_file(app: &App, filter: &AuditFilter, path: &Path) -> Result<u64, Failure> {
    let told = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
    let mut part = path.as_os_str().to_owned();
    part.push(".part");
    // Only the owner of the file may read the log.
    let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&part).map_err(told)?;
    let written = write(app, filter, &file).await;
    let whole = match written {
        Ok(count) => file.sync_all().and_then(|()| fs::rename(&part, path)).map(|()| count).map_err(|e| told(e).into()),
        Err(failure) => Err(failure),
    };
    if whole.is_err() {
        fs::remove_file(&part).ok();
    }
    whole
}

async fn write(app: &App, filter: &AuditFilter, to: impl Write) -> Result<u64, Failure> {
    let mut to = BufWriter::with_capacity(1 << 16, to);
    let line = |row: &AuditRow| {
        serde_json::to_writer(&mut to, row)?;
        to.write_all(b"\n")
    };
    let count = app.export_audit(Auditor::operator(), filter, line).await??;
    to.flush()?;
    Ok(count)
}
