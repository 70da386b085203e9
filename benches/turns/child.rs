//! A server that this benchmark has started. It ends with the benchmark, however that ends: by `Drop` after an end, a
//! panic or Ctrl-C, and by the kernel (`PR_SET_PDEATHSIG`, set by util-linux's `setpriv`) after a kill.

use std::{
    ffi::OsStr,
    fs::{self, File},
    net::TcpListener,
    os::unix::fs::MetadataExt,
    path::Path,
    process::{self, Command, Stdio},
};

use crate::Result;

pub struct Child {
    process: process::Child,
    /// What ends it at once.
    signal: &'static str,
}

/// The user a server runs as. PostgreSQL refuses to run as root.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum As {
    Myself,
    Postgres,
}

/// A command that will get `signal` when this process dies.
pub fn command(program: impl AsRef<OsStr>, who: As, signal: &str) -> Command {
    let mut command = Command::new("setpriv");
    if who == As::Postgres && is_root() {
        command.args(["--reuid", "postgres", "--regid", "postgres", "--init-groups"]);
    }
    command.args(["--pdeathsig", signal, "--"]).arg(program).current_dir("/").stdin(Stdio::null());
    command
}

pub fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|me| me.uid() == 0)
}

impl Child {
    /// Starts it; what it says goes to a file.
    pub fn start(command: &mut Command, signal: &'static str, log: &Path) -> Result<Self> {
        let log = File::create(log)?;
        let process = command.stdout(log.try_clone()?).stderr(log).spawn()?;
        Ok(Self { process, signal })
    }

    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    pub fn has_ended(&mut self) -> bool {
        !matches!(self.process.try_wait(), Ok(None))
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if !self.has_ended() {
            // By way of the shell, whose `kill` is always there.
            let kill = format!("kill -{} {}", self.signal, self.pid());
            let _ = Command::new("sh").args(["-c", &kill]).status();
            let _ = self.process.wait();
        }
    }
}

/// Runs a command to its end.
pub fn run(command: &mut Command) -> Result<()> {
    let output = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{command:?}: {}\n{}", output.status, String::from_utf8_lossy(&output.stderr)).into())
}

/// A port of 127.0.0.1 that no process listens on, below those the kernel gives to clients.
pub fn free_port() -> Result<u16> {
    let start = 20_000 + u16::try_from(process::id() % 10_000)?;
    let free = (start..32_000).find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok());
    free.ok_or_else(|| "no free port between 20000 and 32000".into())
}

/// The last lines of a log, for a complaint.
pub fn last_words(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(10)..].join("\n")
}
