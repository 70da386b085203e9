//! File descriptors: raising their limit, and accepting connections when they run out.

use std::time::{Duration, Instant};

use rustix::{
    io::Errno,
    process::{Resource, getrlimit, setrlimit},
};

/// Descriptors reserved for the database, Redis and providers; of a low limit, half.
const RESERVE: usize = 256;
/// Pause after accepting has failed for want of a resource that may become free.
pub(super) const ACCEPT_RETRY_PAUSE: Duration = Duration::from_millis(50);

/// Raises the soft limit to the hard one, and returns how many connections fit, at most `wanted`.
pub(crate) fn raise_descriptor_limit(wanted: usize) -> usize {
    let mut limit = getrlimit(Resource::Nofile);
    let soft = limit.current;
    limit.current = limit.maximum;
    if setrlimit(Resource::Nofile, limit).is_err() {
        limit.current = soft;
    }
    let descriptors = limit.current.and_then(|most| usize::try_from(most).ok()).unwrap_or(usize::MAX);
    let room = descriptors - RESERVE.min(descriptors / 2);
    if room < wanted {
        tracing::warn!(
            descriptors,
            max_connections = room,
            "the limit of open files (`ulimit -n`) allows fewer connections than `[server] max_connections`"
        );
    }
    room.min(wanted)
}

/// Time without a failure after which accepting works again: at the limit every other try may succeed.
const CALM: Duration = Duration::from_secs(1);

/// Whether accepting works, logged when it changes.
#[derive(Default)]
pub(super) struct Accepting {
    last_failure: Option<Instant>,
}

impl Accepting {
    pub(super) fn works(&mut self) {
        if self.last_failure.is_some_and(|last| last.elapsed() > CALM) {
            self.last_failure = None;
            tracing::info!("connections are accepted again");
        }
    }

    /// Notes a failure; returns how long to pause: not at all where only this one connection failed.
    pub(super) fn failed(&mut self, error: &std::io::Error) -> Duration {
        let ours = [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM];
        if !Errno::from_io_error(error).is_some_and(|errno| ours.contains(&errno)) {
            tracing::debug!(%error, "a connection could not be accepted");
            return Duration::ZERO;
        }
        if self.last_failure.replace(Instant::now()).is_none() {
            tracing::warn!(%error, "connections cannot be accepted; those that are open go on");
        }
        ACCEPT_RETRY_PAUSE
    }
}
