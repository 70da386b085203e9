//! HTTP/2 without TLS (prior knowledge), and the ways in which a client can demand more than it should.

use std::time::Duration;

use h2::{Reason, client};
use hyper::Request;
use tokio::{net::TcpStream, time::timeout};

use crate::harness::{Raw, Server, Setup, World};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

async fn start() -> (World, Server) {
    let world = World::new(Setup::Sqlite).await.without_limits().set("server.write_timeout", "500ms");
    world.set("server.head_timeout", "500ms").set("server.idle_timeout", "500ms").with_server().await
}

type Sender = client::SendRequest<bytes::Bytes>;

/// A client, and the task that ends when its connection does.
async fn connect(server: &Server, window: u32) -> (Sender, tokio::task::JoinHandle<Result<(), h2::Error>>) {
    let stream = TcpStream::connect(server.url().strip_prefix("http://").unwrap()).await.unwrap();
    let (sender, connection) = client::Builder::new().initial_window_size(window).handshake(stream).await.unwrap();
    (sender.ready().await.unwrap(), tokio::spawn(connection))
}

fn get(server: &Server, path: &str) -> Request<()> {
    Request::get(format!("{}{path}", server.url())).body(()).unwrap()
}

async fn in_time<T>(what: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(30), what).await.expect("in time")
}

async fn others_are_served(server: &Server) {
    server.stranger().get("/livez").await.ok(200);
}

#[tokio::test]
async fn concurrent_streams_are_served_and_bounded() {
    let (_world, server) = start().await;
    let (mut sender, _connection) = connect(&server, 65_535).await;
    let mut answers = Vec::new();
    for _ in 0..50 {
        answers.push(sender.send_request(get(&server, "/livez"), true).unwrap().0);
    }
    for answer in answers {
        let answer = in_time(answer).await.unwrap();
        assert_eq!(answer.status(), 200);
        assert!(answer.headers().contains_key("x-request-id") && !answer.headers().contains_key("connection"));
    }
    assert_eq!(sender.current_max_send_streams(), 100);
}

#[tokio::test]
async fn an_authority_is_a_host_and_perhaps_a_port() {
    let (_world, server) = start().await;
    let (mut sender, _connection) = connect(&server, 65_535).await;
    for (authority, status) in
        [("a", 200), ("a:80", 200), ("[::1]:80", 200), ("me@a", 400), ("me:pw@a:80", 400), ("@a", 400), ("a:b", 400)]
    {
        let Ok(request) = Request::get(format!("http://{authority}/livez")).body(()) else { continue };
        let answer = sender.send_request(request, true).unwrap().0;
        match in_time(answer).await {
            Ok(answer) => assert_eq!(answer.status(), status, "{authority}"),
            Err(error) => {
                assert!(error.reason() == Some(Reason::PROTOCOL_ERROR) && status == 400, "{authority}: {error}")
            }
        }
    }
}

#[tokio::test]
async fn rapid_stream_resets_end_the_connection() {
    let (_world, server) = start().await;
    let (mut sender, connection) = connect(&server, 65_535).await;
    let flood = async {
        loop {
            match sender.clone().ready().await {
                Ok(_) => {}
                Err(error) => return error,
            }
            for _ in 0..100 {
                if let Ok((_, mut stream)) = sender.send_request(get(&server, "/livez"), false) {
                    stream.send_reset(Reason::CANCEL);
                }
            }
            tokio::task::yield_now().await;
        }
    };
    in_time(flood).await;
    let error = in_time(connection).await.unwrap().unwrap_err();
    assert!(error.reason() == Some(Reason::ENHANCE_YOUR_CALM) || error.is_io(), "{error:?}");
    others_are_served(&server).await;
}

#[tokio::test]
async fn headers_without_end_end_the_connection() {
    let (_world, server) = start().await;
    let mut raw = Raw::connect(&server).await;
    // HEADERS on stream 1 without END_HEADERS, then CONTINUATION frames, each a kilobyte of a literal header.
    raw.say([PREFACE, b"\0\0\0\x01\0\0\0\0\x01"].concat()).await;
    let literal = [b"\0\x03x-a\x7f\xe9\x06".as_slice(), &[b'a'; 1000]].concat();
    let length = u32::try_from(literal.len()).unwrap().to_be_bytes();
    let frame = [&length[1..], b"\x09\0\0\0\0\x01", &literal].concat();
    let mut sent = 0;
    while raw.try_say(&frame).await.is_ok() {
        sent += frame.len();
        assert!(sent < 64 * 1024 * 1024, "the server takes everything");
    }
    others_are_served(&server).await;
}

#[tokio::test]
async fn pings_with_unread_answers_end_the_connection() {
    let (_world, server) = start().await;
    let mut raw = Raw::connect(&server).await;
    raw.say(PREFACE).await;
    let pings = b"\0\0\x08\x06\0\0\0\0\0a flood!".repeat(10_000);
    let mut sent = 0;
    while raw.try_say(&pings).await.is_ok() {
        sent += pings.len();
        assert!(sent < 512 * 1024 * 1024, "the server takes everything");
    }
    others_are_served(&server).await;
}

#[tokio::test]
async fn a_zero_window_resets_the_stream_not_the_connection() {
    let (_world, server) = start().await;
    let (mut sender, _connection) = connect(&server, 0).await;
    let answer = sender.send_request(get(&server, "/livez"), true).unwrap().0;
    let mut stalled = in_time(answer).await.unwrap().into_body();
    let error = in_time(stalled.data()).await.unwrap().unwrap_err();
    assert_eq!(error.reason(), Some(Reason::CANCEL), "{error:?}");
    let answer = sender.send_request(get(&server, "/livez"), true).unwrap().0;
    assert_eq!(in_time(answer).await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_slow_body_is_a_408_here_too() {
    let world = World::new(Setup::Sqlite).await.set("server.body_timeout", "300ms");
    let server = world.serve().await;
    let (mut sender, _connection) = connect(&server, 65_535).await;
    let request =
        Request::post(format!("{}/api/v1/auth/login", server.url())).header("content-type", "application/json");
    let (answer, _upload) = sender.send_request(request.body(()).unwrap(), false).unwrap();
    assert_eq!(in_time(answer).await.unwrap().status(), 408);
}

#[tokio::test]
async fn a_client_without_requests_is_told_to_go() {
    let (_world, server) = start().await;
    let (mut sender, connection) = connect(&server, 65_535).await;
    let answer = sender.send_request(get(&server, "/livez"), true).unwrap().0;
    assert_eq!(in_time(answer).await.unwrap().status(), 200);
    in_time(connection).await.unwrap().expect("the end is in good order");
    // One that never sends a request.
    let mut raw = Raw::connect(&server).await;
    raw.say(PREFACE).await;
    raw.rest().await;
}
