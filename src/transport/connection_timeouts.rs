//! What one connection is doing, and by when it has to do something else. Pure bookkeeping: the socket and the requests
//! report here, and the connection's task asks for the verdict.
//!
//! Time is measured where the client is waited for, and only there: a turn may take as long as it takes.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use super::http1_framing::HeadDefect;

/// How long a connection may linger after its last answer, so that a client that is still sending reads it: closing a
/// socket with unread input would reset it, and the answer would be lost on the way.
const LINGER: Duration = Duration::from_secs(2);
/// How long a connection stays open without a request while the process leaves: one that a proxy uses gets another one in
/// that time, and with it an answer that closes it; one that it does not use is not chosen in the instant of its end.
const DRAIN_IDLE: Duration = Duration::from_secs(1);
/// Slower than this many bytes per second is too slow, in both directions.
pub(crate) const MIN_RATE: u64 = 500;

/// How long a client may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timeouts {
    /// From the connection's start, or a request's first byte, to the end of its head.
    pub head: Duration,
    /// Without any request.
    pub idle: Duration,
    /// The time over which the rate of reading answers is measured.
    pub write: Duration,
}

pub(super) struct ConnectionTimeouts {
    times: Timeouts,
    state: Mutex<State>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// Or not known yet.
    Http1,
    Http2,
    /// No longer HTTP: who took the connection over watches it.
    Upgraded,
}

struct State {
    mode: Mode,
    /// Requests whose answers are not handed over whole.
    requests: usize,
    /// Something of an answer may not be written yet.
    unflushed: bool,
    quiet_since: Instant,
    /// When the first byte of a head came whose end has not.
    head_since: Option<Instant>,
    /// Not only the time for it.
    head_has_begun: bool,
    /// Requests so far, and the one with a flaw in its head.
    begun: u64,
    flaw: Option<(u64, HeadDefect)>,
    /// HTTP/1: the answer says that no other follows.
    is_last: bool,
    /// The process is about to end.
    leaving: Option<Instant>,
    /// It has been told that no more requests come here.
    is_released: bool,
    /// Input may be left unread at the end.
    lingers: bool,
    closing_since: Option<Instant>,
    /// HTTP/2: the client has been told to go.
    goaway_sent_at: Option<Instant>,
    backlog: Option<Backlog>,
    /// Why the connection was closed on the client.
    ended_for: Option<Reason>,
}

/// The socket took less than it was given.
struct Backlog {
    since: Instant,
    written: u64,
    blocked: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// All is well until then; `None`: until something happens.
    Fine(Option<Instant>),
    /// Tell an HTTP/2 client that no more requests are taken.
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
    /// The client does not read.
    SlowReader,
    /// All was said, and the time for a late reader is over.
    Lingered,
    /// The process ends, and no request has come.
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
            flaw: None,
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
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A request's head is here. Gives what is wrong with it.
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
        state.flaw.filter(|(number, _)| number + 1 == state.begun).map(|(_, flaw)| flaw)
    }

    /// The answer that is made now says that the connection closes.
    pub(super) fn answers_last(&self) {
        self.state().is_last = true;
    }

    /// Its answer has been handed over, or given up.
    pub(super) fn request_ends(&self) {
        let mut state = self.state();
        state.requests -= 1;
        state.quiet_since = Instant::now();
    }

    pub(super) fn upgraded(&self) {
        self.state().mode = Mode::Upgraded;
    }

    /// The client speaks HTTP/2.
    pub(super) fn is_http2(&self) {
        self.state().mode = Mode::Http2;
    }

    pub(super) fn is_upgraded(&self) -> bool {
        self.state().mode == Mode::Upgraded
    }

    /// Something of HTTP/1 was read: part of a head, or behind one with a flaw.
    pub(super) fn has_read(&self, is_head: bool, flaw: Option<(u64, HeadDefect)>) {
        let mut state = self.state();
        if is_head && state.requests == 0 {
            state.head_since.get_or_insert_with(Instant::now);
            state.head_has_begun = true;
        }
        state.flaw = flaw;
    }

    /// Whether what is written now is no request's answer, but hyper's own word about a head it cannot read.
    pub(super) fn writes_parser_response(&self) -> bool {
        let state = self.state();
        state.mode == Mode::Http1 && state.requests == 0 && !state.unflushed
    }

    /// Input may be left unread when the connection closes.
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

    /// All that was given has been written.
    pub(super) fn flushed(&self) {
        let mut state = self.state();
        state.backlog = None;
        if state.unflushed && state.requests == 0 {
            state.unflushed = false;
            state.quiet_since = Instant::now();
        }
    }

    /// The last word is written. Gives whether to linger.
    pub(super) fn closes(&self) -> bool {
        let mut state = self.state();
        if state.lingers && state.mode != Mode::Upgraded {
            state.closing_since.get_or_insert_with(Instant::now);
        }
        state.closing_since.is_some()
    }

    /// The process is about to end. Gives whether the client can be told so, which is the case for HTTP/2.
    pub(super) fn leaves(&self) -> bool {
        let mut state = self.state();
        state.leaving.get_or_insert_with(Instant::now);
        state.mode == Mode::Http2
    }

    pub(super) fn released(&self) {
        self.state().is_released = true;
    }

    /// Notes that an HTTP/2 client was told to go.
    pub(super) fn goaway_sent(&self) {
        self.state().goaway_sent_at = Some(Instant::now());
    }

    /// Remembered for the socket's last word.
    pub(super) fn end_for(&self, reason: Reason) {
        self.state().ended_for = Some(reason);
    }

    pub(super) fn ended_for(&self) -> Option<Reason> {
        self.state().ended_for
    }

    pub(super) fn verdict(&self, now: Instant) -> Verdict {
        let mut state = self.state();
        if state.mode == Mode::Upgraded {
            return Verdict::Fine(None);
        }
        let deadlines =
            [state.closing(), state.releasing(), state.reading(&self.times), state.writing(&self.times, now)];
        let Some((due, verdict)) = deadlines.into_iter().flatten().min_by_key(|(due, _)| *due) else {
            return Verdict::Fine(None);
        };
        if due <= now { verdict } else { Verdict::Fine(Some(due)) }
    }
}

type Deadline = Option<(Instant, Verdict)>;

impl State {
    fn closing(&self) -> Deadline {
        Some((self.closing_since? + LINGER, Verdict::Close(Reason::Lingered)))
    }

    /// From when on no more requests come: behind the last answer; of a client of HTTP/2, a while after it was told.
    fn releasing(&self) -> Deadline {
        let since = self.leaving.filter(|_| !self.is_released)?;
        let due = match self.mode {
            Mode::Http1 if !self.is_last => return None,
            Mode::Http1 | Mode::Upgraded => since,
            Mode::Http2 => since + DRAIN_IDLE,
        };
        Some((due, Verdict::Release))
    }

    /// By when a head, or its first byte, has to come.
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

    /// By when the client has to have read something of what waits for it.
    fn writing(&mut self, times: &Timeouts, now: Instant) -> Deadline {
        let backlog = self.backlog.as_mut()?;
        if now >= backlog.since + times.write && !is_too_slow(backlog.written, times.write) {
            *backlog = Backlog { since: now, written: 0, ..*backlog };
        }
        backlog.blocked.then_some((backlog.since + times.write, Verdict::Close(Reason::SlowReader)))
    }
}

/// Whether these many bytes are too few for this time.
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
            Verdict::Fine(_) => Verdict::Fine(None),
            other => other,
        }
    }

    fn answered(is_http2: bool) -> ConnectionTimeouts {
        let activity = ConnectionTimeouts::new(TIMEOUTS);
        activity.request_begins(is_http2, false);
        assert_eq!(after(&activity, 1_000_000), Verdict::Fine(None), "an answer may take as long as it takes");
        activity.request_ends();
        activity
    }

    #[test]
    fn the_first_head_is_due_from_the_start() {
        let activity = ConnectionTimeouts::new(TIMEOUTS);
        assert_eq!(after(&activity, 9), Verdict::Fine(None));
        assert_eq!(after(&activity, 10), Verdict::Close(Reason::SlowHead));
    }

    #[test]
    fn a_later_head_is_due_from_byte_one_idling_is_longer() {
        let activity = answered(false);
        activity.flushed();
        assert_eq!(after(&activity, 29), Verdict::Fine(None));
        assert_eq!(after(&activity, 31), Verdict::Close(Reason::Idle));
        activity.has_read(true, None);
        assert_eq!(after(&activity, 11), Verdict::Close(Reason::SlowHead));
    }

    #[test]
    fn an_answer_that_is_still_being_read_is_not_idle() {
        let activity = answered(false);
        activity.write_blocked();
        activity.wrote(1_000_000);
        assert_eq!(after(&activity, 60), Verdict::Fine(None));
        activity.write_blocked();
        assert_eq!(after(&activity, 19), Verdict::Fine(None));
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
        assert_eq!(after(&activity, 21), Verdict::Fine(None));
    }

    #[test]
    fn an_idle_http2_client_gets_goaway_before_the_cut() {
        let activity = answered(true);
        assert_eq!(after(&activity, 31), Verdict::GoAway);
        activity.goaway_sent();
        assert_eq!(after(&activity, 19), Verdict::Fine(None));
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
            assert_eq!(after(activity, 0), Verdict::Fine(None));
        }
        assert_eq!(after(&silent, 2), Verdict::Close(Reason::Draining));
        assert_eq!(after(&idle, 2), Verdict::Close(Reason::Draining));
        assert_eq!(after(&asking, 2), Verdict::Fine(None));
        assert_eq!(after(&busy, 1_000), Verdict::Fine(None));
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
        assert_eq!(after(&activity, 1_000_000), Verdict::Fine(None));
    }
}
