//! Progress line on the terminal during a wait. Without a terminal there is none; at the end it is erased.

#![expect(clippy::disallowed_methods, reason = "the progress line ends with its value")]

use std::{
    io::{self, IsTerminal, Write},
    sync::Arc,
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use tokio::{task::JoinHandle, time::interval};

const EVERY: Duration = Duration::from_millis(100);
/// Shorter waits show no line.
const NOT_BEFORE: Duration = Duration::from_millis(300);

/// The progress line; erased when dropped.
pub(super) struct Progress {
    line: Arc<Mutex<Line>>,
    ticking: Option<JoinHandle<()>>,
}

struct Line {
    text: String,
    is_shown: bool,
    has_ended: bool,
}

impl Progress {
    pub(super) fn start(text: &str, quiet: bool) -> Self {
        let line = Arc::new(Mutex::new(Line { text: text.to_owned(), is_shown: false, has_ended: false }));
        let shows = !quiet && io::stderr().is_terminal();
        let ticking = shows.then(|| tokio::spawn(tick(Arc::clone(&line), Instant::now())));
        Self { line, ticking }
    }

    pub(super) fn say(&self, text: String) {
        self.line.lock().text = text;
    }

    /// Erases the line, before other output.
    pub(super) fn end(&self) {
        let mut line = self.line.lock();
        line.has_ended = true;
        if std::mem::take(&mut line.is_shown) {
            write!(io::stderr().lock(), "\r\x1b[2K").ok();
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.end();
        if let Some(ticking) = self.ticking.take() {
            ticking.abort();
        }
    }
}

async fn tick(line: Arc<Mutex<Line>>, since: Instant) {
    let mut ticks = interval(EVERY);
    loop {
        ticks.tick().await;
        let mut line = line.lock();
        if line.has_ended {
            return;
        }
        if since.elapsed() >= NOT_BEFORE {
            line.is_shown = true;
            write!(io::stderr().lock(), "\r\x1b[2K{} · {} s", line.text, since.elapsed().as_secs()).ok();
        }
    }
}

/// `[████──────] 4/10`.
pub(super) fn bar(done: usize, all: usize) -> String {
    const WIDTH: usize = 24;
    let full = (done * WIDTH).checked_div(all).unwrap_or(WIDTH);
    format!("[{}{}] {done}/{all}", "█".repeat(full), "─".repeat(WIDTH - full))
}
