//! `mcpchat audit`: reading, exporting and verifying the audit log.

mod export;
mod tail;
mod verify;

use clap::{Args, Subcommand};
use serde_json::json;

use super::{Exit, Failure, Global, output::Format};
use crate::model::Moment;

/// Read and verify the audit log
#[derive(Debug, Subcommand)]
pub enum Audit {
    Tail(tail::Tail),
    Verify(verify::Verify),
    Export(export::Export),
    PublicKey(PublicKey),
}

/// Print the public key that verifies the checkpoints of the audit log
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
