//! Signals to a running service: those that end it, in good order, and those that would end it by default and must not.

use tokio::signal::unix::{Signal, SignalKind, signal};

/// A signal with its name.
type Named = (&'static str, fn() -> SignalKind);

/// Sent by tools that rotate logs, reload configurations, or went away with a terminal.
const IGNORED: [Named; 5] = [
    ("SIGHUP", SignalKind::hangup),
    ("SIGUSR1", SignalKind::user_defined1),
    ("SIGUSR2", SignalKind::user_defined2),
    ("SIGALRM", SignalKind::alarm),
    ("SIGPIPE", SignalKind::pipe),
];

/// Requests to end: SIGTERM, SIGINT (Ctrl-C) and SIGQUIT.
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

    /// The next request to end.
    pub async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
            _ = self.quit.recv() => {}
        }
    }

    /// From now on the signals that mean nothing to the service leave a line in the log and nothing else.
    pub fn ignore_others() -> std::io::Result<()> {
        for (name, kind) in IGNORED {
            let mut received = signal(kind())?;
            tokio::spawn(async move {
                while received.recv().await.is_some() {
                    // A reader of the log that has gone sends it with each line; a line about it would send the next.
                    if name != "SIGPIPE" {
                        tracing::warn!(signal = name, "a signal is ignored; SIGTERM stops the service");
                    }
                }
            });
        }
        Ok(())
    }
}
