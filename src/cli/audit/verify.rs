//! `mcpchat audit verify`: verification of the log's hash chain and of its checkpoints.

use std::{
    fs::File,
    io::{self, BufReader, IsTerminal, Write},
    path::{Path, PathBuf},
};

use clap::Args;

use super::{Exit, Failure, Global};
use crate::{
    app::{Auditor, Evidence, Verified, verify_export},
    cli::output::{Format, Output},
    terminal::plain,
};

/// Verify the hash chain of the audit log; exit 8 and name the first row that is wrong
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mcpchat audit verify
  mcpchat audit verify --json
  mcpchat audit verify --export log.ndjson --checkpoint-file audit.checkpoints --public-key audit.pub

Without checkpoints, a truncated end or a completely recomputed log cannot be detected.")]
pub struct Verify {
    /// Checkpoints to compare with [default: those of `[audit] checkpoint_file`]
    #[arg(long, value_name = "FILE", requires = "public_key")]
    checkpoint_file: Option<PathBuf>,
    /// The keys they may be signed with, as `mcpchat audit public-key` prints them, one a line
    #[arg(long, value_name = "FILE", requires = "checkpoint_file")]
    public_key: Option<PathBuf>,
    /// Verify what `mcpchat audit export` wrote (`-`: stdin) instead of the database
    #[arg(long, value_name = "FILE")]
    export: Option<PathBuf>,
}

impl Verify {
    pub(super) async fn run(self, global: &Global) -> Result<Exit, Failure> {
        let evidence = match (&self.checkpoint_file, &self.public_key) {
            (Some(checkpoints), Some(keys)) => Some(Evidence::read(checkpoints, keys)?),
            _ => None,
        };
        let out = global.out();
        let verified = match &self.export {
            Some(path) => verified_export(path, evidence.unwrap_or_else(Evidence::none))?,
            None => {
                let shows = io::stderr().is_terminal() && !out.is_for_programs();
                let app = global.app().await?;
                let seen = |done, of| progress(shows, done, of);
                let verified = app.verify_audit(Auditor::operator(), evidence, seen).await;
                progress_ends(shows);
                verified?
            }
        };
        tell(&verified, &out)?;
        Ok(if verified.verified { Exit::Done } else { Exit::CheckFailed })
    }
}

fn verified_export(path: &Path, evidence: Evidence) -> Result<Verified, Failure> {
    if path.as_os_str() == "-" {
        return Ok(verify_export(io::stdin().lock(), evidence)?);
    }
    let unreadable = |error: io::Error| Failure::Usage(format!("cannot read {}: {error}", path.display()));
    let file = File::open(path).map_err(unreadable)?;
    Ok(verify_export(BufReader::with_capacity(1 << 16, file), evidence)?)
}

fn tell(verified: &Verified, out: &Output) -> io::Result<()> {
    if matches!(out.format, Format::Json | Format::Ndjson) {
        return out.json(verified);
    }
    for finding in &verified.findings {
        out.print(&plain(&finding.detail))?;
    }
    if let (true, Some(last), Some(hash)) = (verified.verified, verified.last_row, &verified.last_hash) {
        out.print(&format!("{} rows verified, up to row {last} with the hash {hash}", verified.rows))?;
    } else if verified.verified {
        out.print("the log is empty")?;
    }
    if let Some(row) = verified.checkpoint {
        out.print(&format!("the checkpoints agree; the last one is of row {row}"))?;
    }
    verified.notes.iter().for_each(|note| out.say(&format!("note: {note}")));
    Ok(())
}

/// Writes the progress line over the one before.
fn progress(shows: bool, done: i64, of: i64) {
    if shows {
        let percent = done.saturating_mul(100) / of.max(1);
        write!(io::stderr().lock(), "\rverifying: {percent} % ({done} of {of} rows)").ok();
    }
}

fn progress_ends(shows: bool) {
    if shows {
        write!(io::stderr().lock(), "\r\x1b[K").ok();
    }
}
