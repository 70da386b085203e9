//! Signed checkpoints: a row's hash at a time. One JSON object per line, keys sorted, no spaces; the signature covers
//! the same object without `signature`.

use std::{fs, io, path::Path};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{
    Error, Result,
    chain::{Finding, Tampering},
};
use crate::{
    auth::{CheckpointKey, CheckpointPublicKey},
    clock,
    model::{ChainHash, in_microseconds},
    store::AuditTail,
};

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Checkpoint {
    #[serde(serialize_with = "in_microseconds")]
    pub at: DateTime<Utc>,
    pub hash: ChainHash,
    pub key_id: String,
    pub row: i64,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub signature: String,
}

impl Checkpoint {
    pub fn signed(tail: AuditTail, key: &CheckpointKey) -> Self {
        let (at, key_id) = (clock::now(), key.public().id());
        let mut checkpoint = Self { at, hash: tail.hash, key_id, row: tail.id, signature: String::new() };
        checkpoint.signature = key.sign(&checkpoint.message());
        checkpoint
    }

    pub fn line(&self) -> String {
        serde_json::to_string(self).expect("a checkpoint is plain JSON")
    }

    fn message(&self) -> Vec<u8> {
        Self { signature: String::new(), ..self.clone() }.line().into_bytes()
    }

    fn parse(line: &str, keys: &[CheckpointPublicKey]) -> std::result::Result<Self, (i64, String)> {
        let checkpoint: Self = serde_json::from_str(line).map_err(|_| (0, "is no checkpoint".to_owned()))?;
        let row = checkpoint.row;
        let Some(key) = keys.iter().find(|key| key.id() == checkpoint.key_id) else {
            return Err((row, format!("is signed by a key that is not given, `{}`", checkpoint.key_id)));
        };
        if key.has_signed(&checkpoint.message(), &checkpoint.signature) {
            Ok(checkpoint)
        } else {
            Err((row, format!("(row {row}) has a signature that is not that of the key `{}`", checkpoint.key_id)))
        }
    }
}

/// The checkpoints that a log is verified against.
#[derive(Default)]
pub struct Evidence {
    /// Those with a valid signature.
    pub(super) checkpoints: Vec<Checkpoint>,
    /// The first with an invalid one.
    pub(super) finding: Option<Finding>,
    /// Whether no checkpoint says how long the log must be.
    pub(super) is_lacking: bool,
}

impl Evidence {
    /// The evidence without a checkpoint file.
    pub fn none() -> Self {
        Self { is_lacking: true, ..Self::default() }
    }

    /// Reads a file of checkpoints and one of public keys. Errors: a file that cannot be read, or holds no key.
    pub fn read(checkpoints: &Path, public_keys: &Path) -> Result<Self> {
        let keys = fs::read_to_string(public_keys).map_err(|error| unreadable(public_keys, &error))?;
        let lines = keys.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        let keys: Option<Vec<_>> = lines.map(CheckpointPublicKey::parse).collect();
        let none = || {
            Error::Setup(format!("{} holds no public key; `mcpchat audit public-key` prints it", public_keys.display()))
        };
        Self::signed_by(checkpoints, &keys.filter(|keys| !keys.is_empty()).ok_or_else(none)?)
    }

    pub(super) fn signed_by(path: &Path, keys: &[CheckpointPublicKey]) -> Result<Self> {
        let text = fs::read_to_string(path).map_err(|error| unreadable(path, &error))?;
        let mut evidence = Self::default();
        for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.is_empty()) {
            match Checkpoint::parse(line, keys) {
                Ok(checkpoint) => evidence.checkpoints.push(checkpoint),
                // A process that died while it wrote leaves a line without an end.
                Err((0, _)) if text.ends_with(line) => {}
                Err((row, why)) => {
                    let detail = format!("line {} of {} {why}", index + 1, path.display());
                    evidence.finding.get_or_insert(Finding::new(row, Tampering::BadCheckpoint, detail));
                }
            }
        }
        evidence.is_lacking = evidence.checkpoints.is_empty();
        Ok(evidence)
    }
}

fn unreadable(path: &Path, error: &io::Error) -> Error {
    Error::Setup(format!("cannot read {}: {error}", path.display()))
}
