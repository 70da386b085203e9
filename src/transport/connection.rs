//! The task of one connection: it drives hyper, and acts on the verdicts of `ConnectionTimeouts`.

use std::{
    fmt::Display,
    future::poll_fn,
    net::SocketAddr,
    pin::{Pin, pin},
    task::{Context, Poll},
};

use tokio::time::{Instant, Sleep, sleep_until};
use tokio_util::{sync::CancellationToken, task::task_tracker::TaskTrackerToken};

use super::connection_timeouts::{ConnectionTimeouts, Verdict};

/// Signals to a connection that the process ends.
pub(super) struct ShutdownSignals {
    /// Each further response is the last on its connection.
    pub(super) leaving: CancellationToken,
    /// No more requests are taken.
    pub(super) closing: CancellationToken,
    /// Held as long as another request may come.
    pub(super) may_receive: TaskTrackerToken,
}

/// Runs until the client has gone, `end.closing` was cancelled and all responses are sent, or the client has taken too
/// long. `dismiss` has hyper take no more requests.
pub(super) async fn run<C: Future<Output = Result<(), E>>, E: Display>(
    connection: C,
    dismiss: impl Fn(Pin<&mut C>),
    activity: &ConnectionTimeouts,
    end: ShutdownSignals,
    peer: SocketAddr,
) {
    let go_away = |connection: Pin<&mut C>, context: &mut Context<'_>| {
        dismiss(connection);
        context.waker().wake_by_ref();
    };
    let mut connection = pin!(connection);
    let (mut leaves, mut closes) = (pin!(end.leaving.cancelled_owned()), pin!(end.closing.cancelled_owned()));
    let (mut is_leaving, mut is_told, mut is_closing) = (false, false, false);
    let mut may_receive = Some(end.may_receive);
    let mut alarm = pin!(sleep_until(Instant::now()));
    let reason = poll_fn(|context| {
        if let Poll::Ready(ended) = connection.as_mut().poll(context) {
            ended.unwrap_or_else(|error| tracing::debug!(%error, %peer, "a connection broke off"));
            return Poll::Ready(None);
        }
        is_leaving = is_leaving || leaves.as_mut().poll(context).is_ready();
        // The client's first bytes show the protocol, and so whether a GOAWAY can be sent.
        if is_leaving && activity.leaves() && !is_told {
            is_told = true;
            go_away(connection.as_mut(), context);
        }
        if !is_closing && closes.as_mut().poll(context).is_ready() {
            is_closing = true;
            go_away(connection.as_mut(), context);
        }
        loop {
            match activity.verdict(Instant::now()) {
                Verdict::Continue(due) if poll_alarm(alarm.as_mut(), due, context).is_pending() => {
                    return Poll::Pending;
                }
                Verdict::Continue(_) => {}
                Verdict::Release => {
                    activity.released();
                    drop(may_receive.take());
                }
                Verdict::GoAway => {
                    activity.goaway_sent();
                    go_away(connection.as_mut(), context);
                }
                Verdict::Close(reason) => return Poll::Ready(Some(reason)),
            }
        }
    })
    .await;
    if let Some(reason) = reason {
        tracing::debug!(?reason, %peer, "a connection is closed");
        activity.end_for(reason);
    }
}

/// Polls the timer. It is reset only where it would fire too late: most requests are over long before, and moving it
/// for each would cost more than a spurious wake-up now and then.
fn poll_alarm(mut alarm: Pin<&mut Sleep>, due: Option<Instant>, context: &mut Context<'_>) -> Poll<()> {
    let Some(due) = due else { return Poll::Pending };
    if due < alarm.deadline() || alarm.is_elapsed() {
        alarm.as_mut().reset(due);
    }
    alarm.poll(context)
}
