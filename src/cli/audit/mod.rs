//! `mcpchat audit`: the log of what was done, by whom.

mod export;
mod tail;
mod verify;

use std::str::FromStr;

use chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta, Utc};
use clap::{Args, Subcommand};
use serde_json::json;

use super::{Exit, Failure, Global, output::Format};
use crate::{clock, model::Invalid};

/// Read and verify the audit log
#[derive(Debug, Subcommand)]
pub enum Audit {
    Tail(tail::Tail),
    Verify(verify::Verify),
    Export(export::Export),
    PublicKey(PublicKey),
}

/// Print the key by which others can check the checkpoints of the audit log
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  mcpchat audit public-key > audit.pub")]
pub struct PublicKey {}

impl Audit {
    pub(super) async fn run(self, global: &Global) -> Result<Exit, Failure> {
        match self {
            Self::Tail(tail) => tail.run(global).await,
            Self::Verify(verify) => verify.run(global).await,
            Self::Export(export) => export.run(global).await,
            Self::PublicKey(_) => public_key(global).await,
        }
    }
}

async fn public_key(global: &Global) -> Result<Exit, Failure> {
    let key = global.app().await?.audit_public_key()?;
    let out = global.out();
    match out.format {
        Format::Json | Format::Ndjson => out.json(&json!({ "key_id": key.id(), "public_key": key.to_string() }))?,
        Format::Table | Format::Plain => out.print(&key.to_string())?,
    }
    Ok(Exit::Done)
}

/// A moment: a time, the beginning of a day in UTC, or so long ago.
#[derive(Clone, Copy, Debug)]
struct Moment(DateTime<Utc>);

impl FromStr for Moment {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let time = || Some(DateTime::parse_from_rfc3339(text).ok()?.to_utc());
        let day = || Some(text.parse::<NaiveDate>().ok()?.and_time(NaiveTime::MIN).and_utc());
        let ago = || {
            let long = TimeDelta::from_std(humantime::parse_duration(text).ok()?).ok()?;
            clock::now().checked_sub_signed(long)
        };
        let moment = time().or_else(day).or_else(ago);
        moment.map(Self).ok_or_else(|| {
            Invalid::new("time", "must be like 2026-01-31T12:00:00Z, 2026-01-31, or 2h for two hours ago")
        })
    }
}
