//! The part of a request's body that its handler left unread. It is read and discarded before the response is sent: a
//! response that overtakes the request hides the client's next mistake on HTTP/2 (RFC 9113 §8.1), costs HTTP/1 the
//! connection, and lets pass what is wrong behind the part that was read.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use axum::{body::Body, extract::Request};
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use http_body_util::Limited;
use hyper::{Version, header::EXPECT};
use tokio::sync::oneshot;

use crate::http::{body::paced, problem::ApiError};

/// Maximum number of bytes; a client that sends more gets its response before the body's end.
const MAX_DISCARDED: usize = 1024 * 1024;

/// The unread part of a request's body.
pub(super) struct Unread {
    /// `None`: all had come with the head, or the client waits for a response before it sends the body.
    rest: Option<oneshot::Receiver<Body>>,
    version: Version,
}

impl Unread {
    /// Lends the request's body to its handler.
    pub(super) fn of(request: Request) -> (Request, Self) {
        let version = request.version();
        let awaits_answer = version != Version::HTTP_2 && request.headers().contains_key(EXPECT);
        let (parts, body) = request.into_parts();
        if awaits_answer || http_body::Body::is_end_stream(&body) {
            return (Request::from_parts(parts, body), Self { rest: None, version });
        }
        let (back, rest) = oneshot::channel();
        let body = Body::new(ReturnedBody { body: Some(body), back: Some(back) });
        (Request::from_parts(parts, body), Self { rest: Some(rest), version })
    }

    /// Reads to the end of the request, unless the fault makes that useless. Returns a further fault of the body.
    pub(super) async fn discard(self, fault: Option<&ApiError>, pace: Duration) -> Option<ApiError> {
        let is_worth_it = match fault {
            Some(ApiError::TooLarge { .. } | ApiError::TooSlow | ApiError::NotImplemented(_)) => false,
            Some(fault) => self.version == Version::HTTP_2 || !fault.closes(),
            None => true,
        };
        let rest = self.rest.filter(|_| is_worth_it)?.try_recv().ok()?;
        match paced(Limited::new(rest, MAX_DISCARDED), pace, |_| {}).await {
            Ok(Err(error)) if !error.is::<http_body_util::LengthLimitError>() => Some(ApiError::broken_off()),
            Ok(_) | Err(_) => None,
        }
    }
}

/// A body that is given back when it is dropped before its end.
struct ReturnedBody {
    body: Option<Body>,
    back: Option<oneshot::Sender<Body>>,
}

impl http_body::Body for ReturnedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = self.get_mut();
        let Some(body) = &mut this.body else { return Poll::Ready(None) };
        let polled = Pin::new(body).poll_frame(context);
        if matches!(polled, Poll::Ready(None | Some(Err(_)))) {
            this.body = None;
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(http_body::Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(|| SizeHint::with_exact(0), http_body::Body::size_hint)
    }
}

impl Drop for ReturnedBody {
    fn drop(&mut self) {
        if let (Some(body), Some(back)) = (self.body.take(), self.back.take()) {
            back.send(body).ok();
        }
    }
}
