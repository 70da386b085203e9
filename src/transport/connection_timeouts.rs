//! Timeouts of one connection, as a pure state machine: the socket and the requests report to it, and the connection's
//! task polls its verdict.
//!
//! Time is measured only while the client is waited for: a turn may take as long as it takes.

use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use tokio::time::Instant;

use super::http1_framing::HeadDefect;

/// How long a connection lingers after its last response, so that a client that is still sending reads it: closing a
/// socket with unread input would reset it, and the response would be lost on the way.
const LINGER: Duration = Duration::from_secs(2);
/// How long an idle connection stays open while the process drains: one that a proxy uses gets another request in that
/// time, and with it a response that closes it; one that it does not use is not chosen in the instant of its end.
const DRAIN_IDLE: Duration = Duration::from_secs(1);
/// Minimum rate in bytes per second, in both directions.
pub(crate) const MIN_RATE: u64 = 500;

/// How long a client may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timeouts {
    /// From the connection's start, or a request's first byte, to the end of its head.
    pub head: Duration,
    /// Without any request.
    pub idle: Duration,
    /// Period over which the rate of reading responses is measured.
    pub write: Duration,
}

pub(super) struct ConnectionTimeouts {
    times: Timeouts,
    state: Mutex<State>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// HTTP/1, or not known yet.
    Http1,
    Http2,
    /// Not HTTP: the upgraded protocol has timeouts of its own.
    Upgraded,
}

struct State {
    mode: Mode,
    /// Requests whose responses are not handed over whole.
    requests: usize,
    /// Part of a response may not be written yet.
    unflushed: bool,
    quiet_since: Instant,
    /// When an incomplete head began, or the first one was due to begin.
    head_since: Option<Instant>,
    /// Its first byte has come.
    head_has_begun: bool,
    /// Number of requests so far, and the number of the one with a flaw in its head.
    begun: u64,
    defect: Option<(u64, HeadDefect)>,
    /// HTTP/1: the response says that no other follows.
    is_last: bool,
    /// Since when the process drains.
    leaving: Option<Instant>,
    /// The drain knows that no more requests come here.
    is_released: bool,
    /// Input may be left unread at the end.
    lingers: bool,
    closing_since: Option<Instant>,
    /// HTTP/2: when a GOAWAY was sent.
    goaway_sent_at: Option<Instant>,
    backlog: Option<Backlog>,
    /// Why the server closed the connection.
    ended_for: Option<Reason>,
}

/// Output that the socket has not taken yet.
struct Backlog {
    since: Instant,
    written: u64,
    blocked: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// No timeout until then; `None`: until something happens.
    Continue(Option<Instant>),
    /// Send a GOAWAY to an HTTP/2 client.
    GoAway,
    /// No more requests come on this connection.
    Release,
    Close(Reason),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    /// A request head, or the first byte of all, did not come in time.
    SlowHead,
    Idle,
    /// The client reads below the minimum rate.
    SlowReader,
    /// All is written, and the time to linger is over.
    Lingered,
    /// The process drains, and no request has come.
    Draining,
}

impl ConnectionTimeouts {
    pub(super) fn new(times: Timeouts) -> Self {
        let now = Instant::now();
        let state = State {
            mode: Mode::Http1,
            requests: 0,
            unflushed: false,
            quiet_since: now,
            head_since: Some(now),
            head_has_begun: false,
            begun: 0,
            defect: None,
            is_last: false,
            leaving: None,
            is_released: false,
            lingers: false,
            closing_since: None,
            goaway_sent_at: None,
            backlog: None,
            ended_for: None,
        };
        Self { times, state: Mutex::new(state) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    /// Notes a request's head; returns its defect.
    pub(super) fn request_begins(&self, is_http2: bool, has_body: bool) -> Option<HeadDefect> {
        let mut state = self.state();
        if is_http2 {
            state.mode = Mode::Http2;
        }
        state.requests += 1;
        state.unflushed = true;
        (state.head_since, state.head_has_begun) = (None, false);
        state.goaway_sent_at = None;
        state.lingers = has_body;
        state.begun += 1;
        state.defect.filter(|(number, _)| number + 1 == state.begun).map(|(_, defect)| defect)
    }

    /// Notes that the current response closes the connection.
    pub(super) fn answers_last(&self) {
        self.state().is_last = true;
    }

    /// Notes that a response was handed over, or given up.
    pub(super) fn request_ends(&self) {
        let mut state = self.state();
        state.requests -= 1;
        state.quiet_since = Instant::now();
    }

    pub(super) fn upgraded(&self) {
        self.state().mode = Mode::Upgraded;
    }

    /// Notes that the client speaks HTTP/2.
    pub(super) fn is_http2(&self) {
        self.state().mode = Mode::Http2;
    }

    pub(super) fn is_upgraded(&self) -> bool {
        self.state().mode == Mode::Upgraded
    }

    /// Notes input of HTTP/1: whether it is part of a head, and the head with a flaw.
    pub(super) fn has_read(&self, is_head: bool, defect: Option<(u64, HeadDefect)>) {
        let mut state = self.state();
        if is_head && state.requests == 0 {
            state.head_since.get_or_insert_with(Instant::now);
            state.head_has_begun = true;
        }
        state.defect = defect;
    }

    /// Whether the current output is no handler's response, but hyper's own to a head it cannot parse.
    pub(super) fn writes_parser_response(&self) -> bool {
        let state = self.state();
        state.mode == Mode::Http1 && state.requests == 0 && !state.unflushed
    }

    /// Notes that input may be left unread when the connection closes.
    pub(super) fn has_unread_input(&self) {
        self.state().lingers = true;
    }

    pub(super) fn wrote(&self, bytes: usize) {
        if let Some(backlog) = &mut self.state().backlog {
            backlog.written += bytes as u64;
            backlog.blocked = false;
        }
    }

    pub(super) fn write_blocked(&self) {
        let start = || Backlog { since: Instant::now(), written: 0, blocked: true };
        self.state().backlog.get_or_insert_with(start).blocked = true;
    }

    /// Notes that all output has been written.
    pub(super) fn flushed(&self) {
        let mut state = self.state();
        state.backlog = None;
        if state.unflushed && state.requests == 0 {
            state.unflushed = false;
            state.quiet_since = Instant::now();
        }
    }

    /// Notes the end of the output; returns whether to linger.
    pub(super) fn closes(&self) -> bool {
        let mut state = self.state();
        if state.lingers && state.mode != Mode::Upgraded {
            state.closing_since.get_or_insert_with(Instant::now);
        }
        state.closing_since.is_some()
    }

    /// Notes that the process drains; returns whether a GOAWAY can tell the client (HTTP/2 only).
    pub(super) fn leaves(&self) -> bool {
        let mut state = self.state();
        state.leaving.get_or_insert_with(Instant::now);
        state.mode == Mode::Http2
    }

    pub(super) fn released(&self) {
        self.state().is_released = true;
    }

    /// Notes that a GOAWAY was sent.
    pub(super) fn goaway_sent(&self) {
        self.state().goaway_sent_at = Some(Instant::now());
    }

    /// Keeps the reason for the socket's last response.
    pub(super) fn end_for(&self, reason: Reason) {
        self.state().ended_for = Some(reason);
    }

    pub(super) fn ended_for(&self) -> Option<Reason> {
        self.state().ended_for
    }

    pub(super) fn verdict(&self, now: Instant) -> Verdict {
        let mut state = self.state();
        if state.mode == Mode::Upgraded {
            return Verdict::Continue(None);
        }
        let deadlines =
            [state.closing(), state.releasing(), state.reading(&self.times), state.writing(&self.times, now)];
        let Some((due, verdict)) = deadlines.into_iter().flatten().min_by_key(|(due, _)| *due) else {
            return Verdict::Continue(None);
        };
        if due <= now { verdict } else { Verdict::Continue(Some(due)) }
    }
}

type Deadline = Option<(Instant, Verdict)>;

impl State {
    fn closing(&self) -> Deadline {
        Some((self.closing_since? + LINGER, Verdict::Close(Reason::Lingered)))
    }

    /// When no more requests can come: after the last response; on HTTP/2, `DRAIN_IDLE` after the drain began.
    fn releasing(&self) -> Deadline {
        let since = self.leaving.filter(|_| !self.is_released)?;
        let due = match self.mode {
            Mode::Http1 if !self.is_last => return None,
            Mode::Http1 | Mode::Upgraded => since,
            Mode::Http2 => since + DRAIN_IDLE,
        };
        Some((due, Verdict::Release))
    }

    /// The deadline for a head, or its first byte.
    fn reading(&self, times: &Timeouts) -> Deadline {
        if self.requests > 0 || self.closing_since.is_some() {
            return None;
        }
        if let Some(leaving) = self.leaving.filter(|_| self.mode == Mode::Http1 && !self.head_has_begun) {
            let due = leaving.max(self.quiet_since) + DRAIN_IDLE;
            return if self.unflushed { None } else { Some((due, Verdict::Close(Reason::Draining))) };
        }
        if let Some(since) = self.head_since {
            return Some((since + times.head, Verdict::Close(Reason::SlowHead)));
        }
        match (self.mode, self.goaway_sent_at) {
            (Mode::Http1, _) if self.unflushed => None,
            (Mode::Http2, None) => Some((self.quiet_since + times.idle, Verdict::GoAway)),
            (Mode::Http2, Some(told)) => Some((told + times.write, Verdict::Close(Reason::Idle))),
            (Mode::Http1 | Mode::Upgraded, _) => Some((self.quiet_since + times.idle, Verdict::Close(Reason::Idle))),
        }
    }

    /// The deadline for reading a part of the backlog.
    fn writing(&mut self, times: &Timeouts, now: Instant) -> Deadline {
        let backlog = self.backlog.as_mut()?;
        if now >= backlog.since + times.write && !is_too_slow(backlog.written, times.write) {
            *backlog = Backlog { since: now, written: 0, ..*backlog };
        }
        backlog.blocked.then_some((backlog.since + times.write, Verdict::Close(Reason::SlowReader)))
    }
}

/// Whether `bytes` in `time` are below the minimum rate.
pub(crate) fn is_too_slow(bytes: u64, time: Duration) -> bool {
    u128::from(bytes) * 1000 < u128::from(MIN_RATE) * time.as_millis()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMEOUTS: Timeouts =
        Timeouts { head: Duration::from_secs(10), idle: Duration::from_secs(30), write: Duration::from_secs(20) };

    fn after(activity: &ConnectionTimeouts, secs: u64) -> Verdict {
        match activity.verdict(Instant::now() + Duration::from_secs(secs)) {
            Verdict::Continue(_) => Verdict::Continue(None),
            other => other,
        }
    }

    fn answered(is_http2: bool) -> ConnectionTimeouts {
        let activity = ConnectionTimeouts::new(TIMEOUTS);
        activity.request_begins(is_http2, false);
        assert_eq!(after(&activity, 1_000_000), Verdict::Continue(None), "an answer may take as long as it takes");
        activity.request_ends();
        activity
    }

    #[test]
    fn the_first_head_is_due_from_the_start() {
        let activity = ConnectionTimeouts::new(TIMEOUTS);
        assert_eq!(after(&activity, 9), Verdict::Continue(None));
        assert_eq!(after(&activity, 10), Verdict::Close(Reason::SlowHead));
    }

    #[test]
    fn a_later_head_is_due_from_byte_one_idling_is_longer() {
        let activity = answered(false);
        activity.flushed();
        assert_eq!(after(&activity, 29), Verdict::Continue(None));
        assert_eq!(after(&activity, 31), Verdict::Close(Reason::Idle));
        activity.has_read(true, None);
        assert_eq!(after(&activity, 11), Verdict::Close(Reason::SlowHead));
    }

    #[test]
    fn an_answer_that_is_still_being_read_is_not_idle() {
        let activity = answered(false);
        activity.write_blocked();
        activity.wrote(1_000_000);
        assert_eq!(after(&activity, 60), Verdict::Continue(None));
        activity.write_blocked();
        assert_eq!(after(&activity, 19), Verdict::Continue(None));
    }

    #[test]
    fn a_reader_below_the_rate_is_too_slow() {
        let activity = answered(false);
        activity.write_blocked();
        activity.wrote(9_999);
        activity.write_blocked();
        assert_eq!(after(&activity, 21), Verdict::Close(Reason::SlowReader));
        activity.wrote(1);
        activity.write_blocked();
        assert_eq!(after(&activity, 21), Verdict::Continue(None));
    }

    #[test]
    fn an_idle_http2_client_gets_goaway_before_the_cut() {
        let activity = answered(true);
        assert_eq!(after(&activity, 31), Verdict::GoAway);
        activity.goaway_sent();
        assert_eq!(after(&activity, 19), Verdict::Continue(None));
        assert_eq!(after(&activity, 21), Verdict::Close(Reason::Idle));
    }

    #[test]
    fn an_idle_connection_outlasts_the_start_of_a_drain() {
        let silent = ConnectionTimeouts::new(TIMEOUTS);
        let (idle, asking, busy) = (answered(false), answered(false), answered(false));
        [&idle, &asking, &busy].into_iter().for_each(ConnectionTimeouts::flushed);
        asking.has_read(true, None);
        busy.request_begins(false, false);
        for activity in [&silent, &idle, &asking, &busy] {
            assert!(!activity.leaves());
            assert_eq!(after(activity, 0), Verdict::Continue(None));
        }
        assert_eq!(after(&silent, 2), Verdict::Close(Reason::Draining));
        assert_eq!(after(&idle, 2), Verdict::Close(Reason::Draining));
        assert_eq!(after(&asking, 2), Verdict::Continue(None));
        assert_eq!(after(&busy, 1_000), Verdict::Continue(None));
        busy.answers_last();
        assert_eq!(after(&busy, 0), Verdict::Release);
        let two = answered(true);
        assert!(two.leaves());
        assert_eq!(after(&two, 2), Verdict::Release);
    }

    #[test]
    fn only_the_request_with_a_flaw_is_told() {
        let activity = ConnectionTimeouts::new(TIMEOUTS);
        activity.has_read(false, Some((1, HeadDefect::BareLineFeed)));
        let told: Vec<_> = (0..3).map(|_| activity.request_begins(false, false)).collect();
        assert_eq!(told, [None, Some(HeadDefect::BareLineFeed), None]);
    }

    #[test]
    fn an_upgraded_connection_is_not_timed() {
        let activity = answered(false);
        activity.upgraded();
        assert_eq!(after(&activity, 1_000_000), Verdict::Continue(None));
    }
}
