//! Checkpoint writer: the process that commits the row at which a checkpoint is due appends it, in the service and at
//! the shell; one more is written when a service stops. A failed write is logged and stops nothing: the act is
//! committed.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    os::unix::fs::OpenOptionsExt,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use parking_lot::Mutex;

use super::{
    App, Error, Result,
    chain::{Finding, Tampering},
    checkpoint::{Checkpoint, Evidence},
};
use crate::{
    auth::{CheckpointKey, CheckpointPublicKey},
    config,
    store::{AuditTail, CommitHook, Store},
};

/// The last line of the file is within this many bytes of its end.
const LAST_LINE: u64 = 1024;

pub struct Checkpoints {
    /// `None`: checkpoints are off.
    file: Option<PathBuf>,
    key_file: Option<PathBuf>,
    every: i64,
    /// The earliest row at which one may be due; spares most commits a look into the file.
    due: AtomicI64,
    /// Held while the file is read and appended to.
    writing: Mutex<()>,
}

impl Checkpoints {
    pub fn new(config: &config::Audit, store: &Store) -> Result<Self> {
        let beside_database = || store.file().map(|file| file.with_extension("audit.key"));
        let key_file = config.signing_key_file.clone().or_else(beside_database);
        if config.checkpoint_file.is_some() && key_file.is_none() {
            let detail = "with PostgreSQL the file of the key that signs checkpoints has to be named: set `[audit] \
                          signing_key_file`; the key is made at its first use";
            return Err(Error::Setup(detail.into()));
        }
        let (file, every) = (config.checkpoint_file.clone(), i64::from(config.checkpoint_every));
        Ok(Self { file, key_file, every, due: AtomicI64::new(0), writing: Mutex::new(()) })
    }

    /// The callback that the store calls for each row; `None` if checkpoints are off.
    pub fn witness(self: &Arc<Self>) -> Option<CommitHook> {
        self.file.as_ref()?;
        let checkpoints = Arc::clone(self);
        Some(Arc::new(move |tail| {
            let checkpoints = Arc::clone(&checkpoints);
            Box::pin(async move {
                if tail.id >= checkpoints.due.load(Ordering::Relaxed) {
                    checkpoints.write(tail, checkpoints.every).await;
                }
            })
        }))
    }

    /// Appends a checkpoint of the row if it is at least `distance` rows after the last one.
    async fn write(self: &Arc<Self>, tail: AuditTail, distance: i64) {
        let (checkpoints, row) = (Arc::clone(self), tail.id);
        let written = tokio::task::spawn_blocking(move || checkpoints.append(tail, distance)).await;
        if let Ok(Err(error)) = written {
            tracing::warn!(row, %error, "a checkpoint of the audit log could not be written");
        }
    }

    fn append(&self, tail: AuditTail, distance: i64) -> Result<()> {
        let Some(path) = &self.file else { return Ok(()) };
        let _alone = self.writing.lock();
        let told = |error: io::Error| Error::Setup(format!("{}: {error}", path.display()));
        let mut file = OpenOptions::new().read(true).append(true).create(true).mode(0o640).open(path).map_err(told)?;
        let (last, is_torn) = last_line(&mut file).map_err(told)?;
        self.due.store(last.max(tail.id) + 1, Ordering::Relaxed);
        if last > tail.id + self.every {
            tracing::error!(
                row = tail.id,
                checkpoint = last,
                "the audit log ends before its last checkpoint; run `mcpchat audit verify`"
            );
        }
        if tail.id < last + distance {
            self.due.store(last + self.every, Ordering::Relaxed);
            return Ok(());
        }
        let row = tail.id;
        let line = format!("{}{}\n", if is_torn { "\n" } else { "" }, Checkpoint::signed(tail, &self.key()?).line());
        // One short write at the end of the file: replicas on the same host do not mix their lines.
        file.write_all(line.as_bytes()).and_then(|()| file.sync_data()).map_err(told)?;
        self.due.store(row + self.every, Ordering::Relaxed);
        Ok(())
    }

    fn key(&self) -> Result<CheckpointKey> {
        let path = self.key_file.as_ref().ok_or_else(|| {
            Error::Setup("there is no key that signs checkpoints; set `[audit] signing_key_file`".into())
        })?;
        CheckpointKey::load_or_create(path).map_err(|error| Error::Setup(error.to_string()))
    }

    /// The evidence of the configured file for a log that ends at this row. Does not create the key.
    pub fn evidence(&self, tail: i64) -> Result<Evidence> {
        let Some(file) = &self.file else { return Ok(Evidence::none()) };
        if !file.exists() {
            let detail = format!("{} should hold checkpoints and does not exist", file.display());
            let finding = Finding::new(tail, Tampering::NoCheckpoints, detail);
            return Ok(Evidence { finding: (tail >= self.every).then_some(finding), ..Evidence::none() });
        }
        let has_key = self.key_file.as_ref().is_some_and(|path| path.exists());
        let keys = if has_key { vec![self.key()?.public()] } else { Vec::new() };
        Evidence::signed_by(file, &keys)
    }
}

/// The row of the last checkpoint, 0 if there is none that can be read; and whether the line is unterminated.
fn last_line(file: &mut File) -> io::Result<(i64, bool)> {
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(LAST_LINE)))?;
    let mut end = Vec::new();
    file.take(LAST_LINE).read_to_end(&mut end)?;
    let text = String::from_utf8_lossy(&end);
    let rows = text.lines().rev().filter_map(|line| serde_json::from_str::<Checkpoint>(line).ok());
    Ok((rows.map(|checkpoint| checkpoint.row).next().unwrap_or(0), !text.is_empty() && !text.ends_with('\n')))
}

impl App {
    /// The public key that verifies the checkpoints; the key pair is created if missing.
    pub fn audit_public_key(&self) -> Result<CheckpointPublicKey> {
        Ok(self.audit.checkpoints.key()?.public())
    }

    /// Signs the last row when the service stops.
    pub(super) async fn write_last_checkpoint(&self) {
        if self.audit.checkpoints.file.is_none() {
            return;
        }
        if let Ok(tail) = self.store.audit_tail().await {
            self.audit.checkpoints.write(tail, 1).await;
        }
    }
}
