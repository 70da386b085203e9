//! Slow clients: each kind has a clear end, and none keeps others waiting.

use std::time::Duration;

use tokio::time::interval;

use crate::harness::{Raw, Server, Setup, World, eventually, json};

const LOGIN: &str = "POST /api/v1/auth/login HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n";
const LIVEZ: &str = "GET /livez HTTP/1.1\r\nHost: a\r\n\r\n";

/// A server with little patience.
async fn start() -> (World, Server) {
    let world = World::new(Setup::Sqlite).await.without_limits();
    let world = world.set("server.head_timeout", "400ms").set("server.idle_timeout", "1s");
    world.set("server.body_timeout", "600ms").set("server.write_timeout", "600ms").with_server().await
}

/// Says it byte by byte until the server has had enough.
async fn dribble(raw: &mut Raw, text: &str) {
    let mut pace = interval(Duration::from_millis(20));
    for byte in text.bytes().chain(std::iter::repeat(b'a')) {
        pace.tick().await;
        if raw.try_say([byte]).await.is_err() || raw.has_answer() {
            return;
        }
    }
}

#[tokio::test]
async fn a_head_has_to_arrive_in_time() {
    let (_world, server) = start().await;
    for said in ["G", "GET /livez HTTP/1.1\r\nHost: a\r\n"] {
        let (mut raw, answer) = Raw::ask(&server, said).await;
        answer.problem(408, "head_timeout");
        raw.is_closed().await;
    }
    // A client that has sent nothing in HTTP/1 is told nothing.
    for said in ["", "PRI * HTTP/2"] {
        let mut raw = Raw::connect(&server).await;
        raw.say(said).await;
        raw.is_closed().await;
    }
    let mut raw = Raw::connect(&server).await;
    dribble(&mut raw, "GET /livez HTTP/1.1\r\nHost: a\r\nX-Slow: ").await;
    raw.answer().await.problem(408, "head_timeout");
    // Also on a connection that has been of use.
    let (mut raw, first) = Raw::ask(&server, LIVEZ).await;
    first.ok(200);
    raw.say("GET /li").await;
    raw.answer().await.problem(408, "head_timeout");
}

#[tokio::test]
async fn a_connection_may_rest_longer_than_a_head_may_take() {
    let (_world, server) = start().await;
    let mut raw = Raw::connect(&server).await;
    let mut pace = interval(Duration::from_millis(700));
    for _ in 0..3 {
        pace.tick().await;
        raw.say(LIVEZ).await;
        raw.answer().await.ok(200);
    }
    raw.is_closed().await;
}

#[tokio::test]
async fn a_body_that_stalls_or_dribbles_is_a_408() {
    let (_world, server) = start().await;
    for framing in ["Content-Length: 1000\r\n\r\n{", "Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n"] {
        let (mut raw, answer) = Raw::ask(&server, &format!("{LOGIN}{framing}")).await;
        answer.problem(408, "request_timeout");
        raw.is_closed().await;
    }
    let mut raw = Raw::connect(&server).await;
    raw.say(format!("{LOGIN}Content-Length: 100000\r\n\r\n")).await;
    dribble(&mut raw, "{").await;
    raw.answer().await.problem(408, "request_timeout");
}

#[tokio::test]
async fn an_honest_upload_over_a_thin_line_goes_through() {
    let (_world, server) = start().await;
    let mut raw = Raw::connect(&server).await;
    let body = format!("{{{}}}", " ".repeat(20_000 - 2));
    raw.say(format!("{LOGIN}Content-Length: {}\r\n\r\n", body.len())).await;
    let mut pace = interval(Duration::from_millis(100));
    // 10 kB/s for 2 s, where a body that stands still may take 0.6 s.
    for piece in body.as_bytes().chunks(1000) {
        pace.tick().await;
        raw.say(piece).await;
    }
    raw.answer().await.problem(422, "invalid_request");
}

#[tokio::test]
async fn a_client_that_does_not_read_is_cut_off() {
    let (_world, server) = start().await;
    let ada = server.person("ada").await;
    let text = "x".repeat(60_000);
    let first = ada.say(&text).await;
    let conversation = &first["turn"]["conversation_id"];
    for _ in 0..5 {
        ada.say_in(conversation, &text).await;
    }
    let path = format!("/api/v1/conversations/{}/messages", conversation.as_str().unwrap());
    let ask = format!("GET {path} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {}\r\n\r\n", ada.token());
    let mut raw = Raw::connect(&server).await;
    // More than all buffers on the way hold.
    raw.say(ask.repeat(60)).await;
    let mut pace = interval(Duration::from_millis(50));
    eventually("the end of the connection", async || {
        pace.tick().await;
        raw.try_say(LIVEZ).await.err()
    })
    .await;
    // The same answer, read slowly but well above the least rate, is whole.
    let mut raw = Raw::connect(&server).await;
    raw.say(&ask).await;
    assert_eq!(raw.answer().await.ok(200)["items"].as_array().unwrap().len(), 12);
}

#[tokio::test]
async fn a_turn_goes_on_when_its_reader_stops_reading() {
    let (world, server) = start().await;
    let ada = server.person("ada").await;
    let send = json!({"content": "word ".repeat(12_000), "stream": true}).to_string();
    let ask = format!(
        "POST /api/v1/messages HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{send}",
        ada.token(),
        send.len()
    );
    let mut raw = Raw::connect(&server).await;
    raw.say(&ask).await;
    assert!(raw.rest_starts_with("HTTP/1.1 200").await);
    eventually("the stored turn", async || {
        (world.database.number("select count(*) from turns where state = 'completed'").await == 1).then_some(())
    })
    .await;
}

#[tokio::test]
async fn two_thousand_slow_clients_disturb_no_other() {
    let world = World::new(Setup::Sqlite).await.without_limits().set("server.max_requests_in_flight", 50);
    let (_world, server, ada) = world.with_ada().await;
    let mut slow = Vec::new();
    for i in 0..2_000 {
        let mut raw = Raw::connect(&server).await;
        raw.say(match i % 4 {
            0 => "GET /livez HTTP/1.1\r\nHost: a\r\nX-Slow: ".to_owned(),
            1 => format!("{LOGIN}Content-Length: 1000\r\n\r\n{{"),
            2 => LIVEZ.repeat(100),
            _ => "P".to_owned(),
        })
        .await;
        slow.push(raw);
    }
    for i in 0..100 {
        ada.get("/api/v1/users/me").await.ok(200);
        ada.say(&format!("hello {i}")).await;
        slow[i * 4].try_say("a").await.ok();
    }
    assert_eq!(server.metric("mcpchat_requests_shed_total", &[]).await, 0.0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs slowhttptest: tests/run installs it"]
async fn slowhttptest_finds_the_service_available() {
    let world = World::new(Setup::Sqlite).await;
    let server = world.serve().await;
    for mode in ["-H -t GET", "-B -t POST -s 8192", "-X -t GET -w 10 -y 20 -n 2 -z 5 -k 3"] {
        let mut attack = std::process::Command::new("slowhttptest");
        attack.args(mode.split(' ')).args("-c 1000 -r 500 -i 1 -l 5 -p 3 -u".split(' '));
        attack.arg(format!("{}/livez", server.url())).current_dir(world.home());
        let output = tokio::task::spawn_blocking(move || attack.output().unwrap()).await.unwrap();
        let said = String::from_utf8_lossy(&output.stdout).replace("\u{1b}[0m", "");
        let available = said.lines().filter(|line| line.contains("service available")).collect::<Vec<_>>();
        assert!(!available.is_empty() && available.iter().all(|line| line.contains("YES")), "{mode}: {said}");
    }
}
