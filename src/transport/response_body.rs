//! Response bodies, which the client has to take in time.
//!
//! On HTTP/1 the socket shows which client does not read. On HTTP/2 a stream can be stalled by flow control while the
//! socket is fine; so bodies are handed over there in pieces, each of which has to be taken in the write timeout, or
//! the stream (not the connection, which may be a proxy's) is reset.

#![expect(clippy::disallowed_methods, reason = "the streams of an HTTP/2 connection end with it")]

use std::{
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::body::Body;
use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};
use hyper::rt::Executor;
use parking_lot::Mutex;
use tokio::{
    task_local,
    time::{Instant, sleep_until},
};

use super::connection_timeouts::ConnectionTimeouts;

/// In 30 s this is the minimum rate, as of request bodies.
const PIECE: usize = 16 * 1024;

/// Guard of a request in work; its end is reported when it is dropped.
pub(super) struct RequestGuard {
    activity: Arc<ConnectionTimeouts>,
    is_http2: bool,
}

impl RequestGuard {
    pub(super) fn new(activity: Arc<ConnectionTimeouts>, is_http2: bool) -> Self {
        Self { activity, is_http2 }
    }

    pub(super) fn deliver(self, body: Body) -> ResponseBody {
        // Before the first piece is asked for, the client has to open its window.
        if self.is_http2 && !body.is_end_stream() {
            note_given(Some(Instant::now()));
        }
        ResponseBody { body, rest: Bytes::new(), at_work: self }
    }
}

impl Drop for RequestGuard {
    fn drop(&mut self) {
        self.activity.request_ends();
    }
}

pub(super) struct ResponseBody {
    body: Body,
    /// What is left of a frame that was larger than a piece.
    rest: Bytes,
    at_work: RequestGuard,
}

impl ResponseBody {
    fn poll_piece(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if self.rest.is_empty() {
            let Some(frame) = ready!(Pin::new(&mut self.body).poll_frame(context)?) else { return Poll::Ready(None) };
            match frame.into_data() {
                Ok(bytes) => self.rest = bytes,
                Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
            }
        }
        let piece = self.rest.split_to(self.rest.len().min(PIECE));
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }
}

impl http_body::Body for ResponseBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = self.get_mut();
        if !this.at_work.is_http2 {
            return Pin::new(&mut this.body).poll_frame(context);
        }
        let polled = this.poll_piece(context);
        note_given(matches!(polled, Poll::Ready(Some(Ok(_)))).then(Instant::now));
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let mut hint = self.body.size_hint();
        let rest = self.rest.len() as u64;
        if let Some(upper) = hint.upper() {
            hint.set_upper(upper + rest);
        }
        hint.set_lower(hint.lower() + rest);
        hint
    }
}

task_local! {
    /// When this stream's task got the piece that its client has not taken yet.
    static GIVEN: Mutex<Option<Instant>>;
}

fn note_given(at: Option<Instant>) {
    GIVEN.try_with(|given| *given.lock() = at).ok();
}

/// Executor of HTTP/2 streams; it drops one whose client does not take its pieces in time.
#[derive(Clone, Copy, Debug)]
pub(super) struct StreamExecutor {
    pub write_timeout: Duration,
}

impl<F> Executor<F> for StreamExecutor
where
    F: Future + Send + 'static,
    F::Output: Send,
{
    fn execute(&self, stream: F) {
        tokio::spawn(GIVEN.scope(Mutex::default(), while_taken(stream, self.write_timeout)));
    }
}

async fn while_taken(stream: impl Future, timeout: Duration) {
    let mut stream = pin!(stream);
    let mut look = Instant::now() + timeout;
    loop {
        tokio::select! {
            _ = &mut stream => return,
            () = sleep_until(look) => {}
        }
        let given = GIVEN.with(|given| *given.lock());
        let now = Instant::now();
        match given {
            Some(given) if given + timeout <= now => {
                return tracing::debug!("a reader is too slow; its stream is reset");
            }
            Some(given) => look = given + timeout,
            None => look = now + timeout,
        }
    }
}
