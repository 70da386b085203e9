//! Protocol errors of HTTP/2 clients: told by the error that RFC 9113 names, whichever the route and whatever response
//! was on its way; each case several times, because a response that leaves too early shows in some runs only. The
//! numbers are those of the sections of h2spec.

use crate::harness::{
    Setup, World,
    frames::{
        CONTINUATION, DATA, END_HEADERS, END_STREAM, End, FLOW_CONTROL_ERROR, Frames, HEADERS, PROTOCOL_ERROR,
        RST_STREAM, STREAM_CLOSED, WINDOW_UPDATE, field, head,
    },
};

const TIMES: usize = 8;
const CANCEL: [u8; 4] = [0, 0, 0, 8];

/// Heads whose answers are a 200, 404, 405, 415 and 401.
fn heads(more: &[(&str, &str)]) -> Vec<Vec<u8>> {
    let text: Vec<_> = more.iter().copied().chain([("content-type", "text/plain")]).collect();
    vec![
        head("GET", "/livez", more),
        head("GET", "/", more),
        head("POST", "/", more),
        head("POST", "/livez", more),
        head("POST", "/api/v1/auth/refresh", &text),
        head("POST", "/api/v1/messages", more),
    ]
}

/// Each head opens stream 1; then `and` does what is wrong.
async fn is_told(more: &[(&str, &str)], wanted: &[End], and: impl AsyncFn(&mut Frames)) {
    let (_world, server) = World::new(Setup::Sqlite).await.without_limits().with_server().await;
    for head in heads(more) {
        for time in 0..TIMES {
            let mut frames = Frames::connect(&server).await;
            frames.put(HEADERS, END_HEADERS, 1, &head).await;
            if time % 2 == 0 {
                // So that the head is looked at before the rest comes.
                server.stranger().get("/livez").await.ok(200);
            }
            and(&mut frames).await;
            let end = frames.end_of(1).await;
            assert!(wanted.contains(&end), "{end:?} for {:?}", String::from_utf8_lossy(&head));
        }
    }
}

/// Section 5.1, 8 and 9.
#[tokio::test]
async fn a_stream_that_was_reset_takes_nothing_more() {
    is_told(&[], &[End::Error(STREAM_CLOSED)], async |frames| {
        frames.put(RST_STREAM, 0, 1, &CANCEL).await;
        frames.put(DATA, END_STREAM, 1, b"test").await;
    })
    .await;
    is_told(&[], &[End::Error(STREAM_CLOSED)], async |frames| {
        frames.put(RST_STREAM, 0, 1, &CANCEL).await;
        frames.put(HEADERS, END_STREAM | END_HEADERS, 1, &head("GET", "/", &[])).await;
    })
    .await;
    is_told(&[], &[End::Error(STREAM_CLOSED), End::Error(PROTOCOL_ERROR)], async |frames| {
        frames.put(RST_STREAM, 0, 1, &CANCEL).await;
        frames.put(CONTINUATION, END_HEADERS, 1, &field("x", "y")).await;
    })
    .await;
}

/// Section 6.9.1, 3.
#[tokio::test]
async fn a_window_beyond_its_maximum_resets_the_stream() {
    is_told(&[], &[End::Error(FLOW_CONTROL_ERROR)], async |frames| {
        for _ in 0..2 {
            frames.put(WINDOW_UPDATE, 0, 1, &i32::MAX.to_be_bytes()).await;
        }
    })
    .await;
}

/// Section 8.1, 1.
#[tokio::test]
async fn trailers_end_their_stream() {
    is_told(&[], &[End::Error(PROTOCOL_ERROR)], async |frames| {
        frames.put(HEADERS, END_HEADERS, 1, &field("x-test", "ok")).await;
    })
    .await;
}

/// Section 8.1.2.1, 3.
#[tokio::test]
async fn a_pseudo_header_is_no_trailer() {
    for name in [":method", ":path", ":authority", ":status", ":none"] {
        is_told(&[], &[End::Error(PROTOCOL_ERROR)], async |frames| {
            let trailers = field(name, "GET");
            frames.dribble(HEADERS, END_STREAM | END_HEADERS, 1, &trailers).await;
        })
        .await;
    }
    is_told(&[], &[End::Error(PROTOCOL_ERROR)], async |frames| {
        frames.put(DATA, 0, 1, b"test").await;
        let (first, second) = ([&[2][..], &field("x-test", "ok"), &[0, 0]].concat(), field(":path", "/"));
        frames.put(HEADERS, END_STREAM | 8, 1, &first).await;
        frames.put(CONTINUATION, END_HEADERS, 1, &second).await;
    })
    .await;
}

/// Section 8.1.2.6, 1 and 2.
#[tokio::test]
async fn a_length_is_that_of_the_data() {
    for length in ["1", "5"] {
        is_told(&[("content-length", length)], &[End::Error(PROTOCOL_ERROR)], async |frames| {
            frames.put(DATA, END_STREAM, 1, b"test").await;
        })
        .await;
        is_told(&[("content-length", length)], &[End::Error(PROTOCOL_ERROR)], async |frames| {
            frames.put(DATA, 0, 1, b"te").await;
            frames.put(DATA, END_STREAM, 1, b"st").await;
        })
        .await;
    }
}

#[tokio::test]
async fn a_request_that_ends_as_it_should_is_answered() {
    is_told(&[("content-length", "4")], &[End::Answered], async |frames| {
        frames.put(DATA, 0, 1, b"test").await;
        frames.put(HEADERS, END_STREAM | END_HEADERS, 1, &field("x-sum", "1")).await;
    })
    .await;
    is_told(&[], &[End::Answered], async |frames| {
        frames.put(HEADERS, END_STREAM, 1, b"").await;
        frames.dribble(CONTINUATION, END_HEADERS, 1, &field("x-sum", "1")).await;
    })
    .await;
    is_told(&[], &[End::Answered], async |frames| frames.put(DATA, END_STREAM, 1, b"").await).await;
}
