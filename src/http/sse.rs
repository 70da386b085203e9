//! Server-sent events of a turn (the HTML standard's `text/event-stream`): each as it comes, numbered from 1, with a
//! comment every 15 s of silence so that proxies keep the connection.

use std::{convert::Infallible, io::Write, time::Duration};

use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use futures_util::stream::unfold;
use hyper::{
    StatusCode,
    header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, RETRY_AFTER},
};
use tokio::time::timeout;

use crate::{
    app::Subscription,
    event::{Numbered, TurnEvent},
    model::Problem,
};

const HEARTBEAT: Duration = Duration::from_secs(15);
const RETRY_AFTER_END: Duration = Duration::from_secs(24 * 60 * 60);
/// How much is written at once, in bytes, an event more or less.
const ENOUGH: usize = 16 * 1024;
const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// The response that follows a turn to its end, or until the client's access is revoked (`App::until_revoked`): then a
/// comment says so and the stream ends, without an event, because the turn goes on.
pub(super) fn response(subscription: Subscription, shut_out: impl Future<Output = ()> + Send + 'static) -> Response {
    let open = Some((subscription, Box::pin(shut_out), false));
    let stream = unfold(open, |open| async move {
        let (mut subscription, mut shut_out, mut was_replaced) = open?;
        let chunk = tokio::select! {
            biased;
            () = &mut shut_out => return Some((Ok(Bytes::from_static(b": revoked\n\n")), None)),
            next = timeout(HEARTBEAT, subscription.next()) => match next {
                Ok(Some(first)) => encode_with_others(&first, &mut subscription, &mut was_replaced),
                Ok(None) => return None,
                Err(_) => Bytes::from_static(b": keep-alive\n\n"),
            },
        };
        Some((Ok::<_, Infallible>(chunk), Some((subscription, shut_out, was_replaced))))
    });
    let headers = [(CONTENT_TYPE, "text/event-stream"), (CACHE_CONTROL, "no-store"), (X_ACCEL_BUFFERING, "no")];
    (headers, Body::from_stream(stream)).into_response()
}

/// Encodes an event, and those that are ready: one write costs the client and the server less than several.
fn encode_with_others(first: &Numbered, subscription: &mut Subscription, was_replaced: &mut bool) -> Bytes {
    let mut text = Vec::with_capacity(128);
    tell(&mut text, first, was_replaced);
    while text.len() < ENOUGH
        && let Some(next) = subscription.ready()
    {
        tell(&mut text, &next, was_replaced);
    }
    text.into()
}

/// Encodes an event. After a snapshot the last event's number need not be the turn's own, and does not tell that it was
/// seen: without `retry`, an `EventSource` that does not close itself would get both again and again.
fn tell(text: &mut Vec<u8>, numbered: &Numbered, was_replaced: &mut bool) {
    *was_replaced |= matches!(numbered.event, TurnEvent::Snapshot(_));
    if *was_replaced && numbered.event.is_last() {
        writeln!(text, "retry: {}", RETRY_AFTER_END.as_millis()).expect("writing to memory");
    }
    encode(text, numbered);
}

fn encode(text: &mut Vec<u8>, numbered: &Numbered) {
    write!(text, "id: {}\nevent: {}\ndata: ", numbered.seq, numbered.event.name()).expect("writing to memory");
    // JSON has no raw line breaks, so the data is one line.
    serde_json::to_writer(&mut *text, &numbered.event).expect("an event is plain JSON");
    text.extend_from_slice(b"\n\n");
}

/// The code of a problem response, for the access log.
#[derive(Clone, Debug)]
pub(super) struct ProblemCode(pub(super) String);

/// The response of a turn that failed, for a client that waited for the whole reply.
pub(super) fn problem_response(problem: &Problem) -> Response {
    let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::BAD_GATEWAY);
    let document = serde_json::to_vec(problem).expect("a problem is plain JSON");
    let mut response = (status, [(CONTENT_TYPE, "application/problem+json")], document).into_response();
    response.extensions_mut().insert(ProblemCode(problem.code.clone()));
    if status == StatusCode::SERVICE_UNAVAILABLE {
        response.headers_mut().insert(RETRY_AFTER, 1.into());
    }
    response
}
