//! Signal handling of a running service: shutdown signals, and signals that are ignored, as their default would end it.

#![expect(clippy::disallowed_methods, reason = "ignored signals are logged for as long as the process lives")]

use tokio::signal::unix::{Signal, SignalKind, signal};

/// A signal with its name.
type Named = (&'static str, fn() -> SignalKind);

/// Ignored signals: sent by tools that rotate logs or reload configurations, or by a terminal that closes.
const IGNORED: [Named; 5] = [
    ("SIGHUP", SignalKind::hangup),
    ("SIGUSR1", SignalKind::user_defined1),
    ("SIGUSR2", SignalKind::user_defined2),
    ("SIGALRM", SignalKind::alarm),
    ("SIGPIPE", SignalKind::pipe),
];

/// Shutdown signals: SIGTERM, SIGINT (Ctrl-C) and SIGQUIT.
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
    quit: Signal,
}

impl Signals {
    pub fn new() -> std::io::Result<Self> {
        let [terminate, interrupt, quit] =
            [SignalKind::terminate(), SignalKind::interrupt(), SignalKind::quit()].map(signal);
        Ok(Self { terminate: terminate?, interrupt: interrupt?, quit: quit? })
    }

    /// Waits for the next shutdown signal.
    pub async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
            _ = self.quit.recv() => {}
        }
    }

    /// Installs handlers that only log the signals in `IGNORED`.
    pub fn ignore_others() -> std::io::Result<()> {
        for (name, kind) in IGNORED {
            let mut received = signal(kind())?;
            tokio::spawn(async move {
                while received.recv().await.is_some() {
                    // A closed log pipe raises it at each line; a line about it would raise the next.
                    if name != "SIGPIPE" {
                        tracing::warn!(signal = name, "a signal is ignored; SIGTERM stops the service");
                    }
                }
            });
        }
        Ok(())
    }
}
