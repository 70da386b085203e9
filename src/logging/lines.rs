//! Asynchronous log output: callers append lines to a buffer, and one thread writes it to stderr. So a reader that has
//! stopped reading (a full pipe, a terminal on hold) delays no caller. The buffer is bounded: lines that do not fit are
//! dropped, counted, and reported once there is room again.

use std::{
    fs::File,
    io::{self, Write},
    os::fd::AsFd,
    sync::{Arc, Condvar, Mutex, MutexGuard},
    thread,
    time::Duration,
};

use tracing_subscriber::fmt::MakeWriter;

use crate::metrics::LOG_LINES_DROPPED;

/// Some two thousand lines.
const MAX_WAITING: usize = 1024 * 1024;
/// How long lines gather before they are written together. A write for each would cost more than making the line.
const GATHER: Duration = Duration::from_millis(5);

pub(super) struct Lines {
    queue: Mutex<Queue>,
    /// There is something to write.
    filled: Condvar,
    /// Everything is written.
    emptied: Condvar,
}

#[derive(Default)]
struct Queue {
    waiting: Vec<u8>,
    /// Not reported yet.
    dropped: u64,
    /// A write is in progress.
    writing: bool,
}

/// Lines that a thread of their own writes to stderr, past the lock of `eprintln!`, which a hanging write holds.
pub(super) fn to_stderr() -> io::Result<Arc<Lines>> {
    Lines::to(File::from(io::stderr().as_fd().try_clone_to_owned()?))
}

impl Lines {
    fn to(sink: impl Write + Send + 'static) -> io::Result<Arc<Self>> {
        let lines = Arc::new(Self { queue: Mutex::default(), filled: Condvar::new(), emptied: Condvar::new() });
        let writer = Arc::clone(&lines);
        thread::Builder::new().name("log".into()).spawn(move || writer.write_to(sink))?;
        Ok(lines)
    }

    fn push(&self, line: &[u8]) {
        let mut queue = self.lock();
        if queue.waiting.len() + line.len() > MAX_WAITING {
            queue.dropped += 1;
            LOG_LINES_DROPPED.inc();
            return;
        }
        let was_empty = queue.waiting.is_empty();
        queue.waiting.extend_from_slice(line);
        drop(queue);
        if was_empty {
            self.filled.notify_one();
        }
    }

    /// Waits until all is written, but at most `at_most`.
    pub(super) fn flush(&self, at_most: Duration) {
        let is_busy = |queue: &mut Queue| queue.writing || !queue.waiting.is_empty();
        drop(self.emptied.wait_timeout_while(self.lock(), at_most, is_busy));
    }

    fn write_to(&self, mut sink: impl Write) {
        let mut batch = Vec::new();
        loop {
            self.take(&mut batch);
            let written = sink.write_all(&batch).is_ok();
            batch.clear();
            self.report_dropped(written);
            self.done();
        }
    }

    fn take(&self, batch: &mut Vec<u8>) {
        drop(self.filled.wait_while(self.lock(), |queue| queue.waiting.is_empty()));
        thread::sleep(GATHER);
        let mut queue = self.lock();
        std::mem::swap(&mut queue.waiting, batch);
        queue.writing = true;
    }

    /// Logs how many lines were dropped; not while writes fail.
    fn report_dropped(&self, written: bool) {
        let dropped = if written { std::mem::take(&mut self.lock().dropped) } else { 0 };
        if dropped > 0 {
            tracing::warn!(count = dropped, "lines of the log were dropped; their reader is too slow");
        }
    }

    fn done(&self) {
        let mut queue = self.lock();
        queue.writing = false;
        if queue.waiting.is_empty() {
            self.emptied.notify_all();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().expect("nothing panics while it is held")
    }
}

/// Takes whole lines, which is how tracing-subscriber writes.
pub(super) struct Writer(pub(super) Arc<Lines>);

impl<'w> MakeWriter<'w> for Writer {
    type Writer = Line<'w>;

    fn make_writer(&'w self) -> Line<'w> {
        Line(&self.0)
    }
}

pub(super) struct Line<'w>(&'w Lines);

impl Write for Line<'_> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.push(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    /// Hands on what is written, and waits with each write for a permit.
    struct Slow {
        permits: mpsc::Receiver<()>,
        written: mpsc::Sender<Vec<u8>>,
    }

    impl Write for Slow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.permits.recv().map_err(io::Error::other)?;
            self.written.send(bytes.to_vec()).map_err(io::Error::other)?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn slow() -> (Arc<Lines>, mpsc::Sender<()>, mpsc::Receiver<Vec<u8>>) {
        let ((permit, permits), (written, read)) = (mpsc::channel(), mpsc::channel());
        (Lines::to(Slow { permits, written }).unwrap(), permit, read)
    }

    #[test]
    fn lines_come_whole_and_in_order() {
        let (lines, permit, read) = slow();
        (0..1000).for_each(|_| permit.send(()).unwrap());
        (0..1000).for_each(|i| lines.push(format!("line {i}\n").as_bytes()));
        lines.flush(Duration::from_secs(10));
        let all: Vec<u8> = read.try_iter().flatten().collect();
        let expected: String = (0..1000).map(|i| format!("line {i}\n")).collect();
        assert_eq!(String::from_utf8(all).unwrap(), expected);
    }

    #[test]
    fn a_stalled_reader_costs_lines_and_no_waiting() {
        let (lines, permit, read) = slow();
        let before = LOG_LINES_DROPPED.get();
        let line = [b'x'; 1023].into_iter().chain([b'\n']).collect::<Vec<u8>>();
        (0..10_000).for_each(|_| lines.push(&line));
        lines.flush(Duration::from_millis(1));
        let dropped = LOG_LINES_DROPPED.get() - before;
        assert!((10_000 - 2 * 1024..10_000).contains(&dropped), "{dropped}");
        (0..1000).for_each(|_| permit.send(()).unwrap());
        lines.flush(Duration::from_secs(10));
        let kept: u64 = read.try_iter().map(|bytes| bytes.len() as u64 / 1024).sum();
        assert_eq!(kept + dropped, 10_000);
    }
}
