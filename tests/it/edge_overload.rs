//! Overload: what there is no room for is refused at once and says when to come back; what operators need works.

use crate::harness::{Raw, Server, Setup, World, eventually, json};

const LIVEZ: &str = "GET /livez HTTP/1.1\r\nHost: a\r\n\r\n";

async fn serve(key: &str, most: i64) -> (World, Server) {
    World::new(Setup::Sqlite).await.without_limits().set(key, most).with_server().await
}

#[tokio::test]
async fn requests_above_capacity_are_shed_and_health_is_not() {
    let (_world, server) = serve("server.max_requests_in_flight", 1).await;
    let strangers: Vec<_> = (0..40).map(|_| server.stranger()).collect();
    let operator = server.stranger();
    let logins = strangers.into_iter().enumerate().map(|(i, mut stranger)| {
        tokio::spawn(async move { stranger.log_in(&format!("nobody{i}"), "a-wrong-password-of-length").await })
    });
    let logins: Vec<_> = logins.collect();
    for _ in 0..20 {
        operator.get("/livez").await.ok(200);
        operator.get("/readyz").await.ok(200);
    }
    let mut shed = 0;
    for login in logins {
        let answer = login.await.unwrap();
        if answer.status == 503 {
            answer.problem(503, "overloaded");
            assert_eq!(answer.header("retry-after"), "1");
            shed += 1;
        } else {
            answer.problem(401, "wrong_credentials");
        }
    }
    assert!((1..40).contains(&shed), "{shed} of 40 were shed");
    assert_eq!(server.metric("mcpchat_requests_shed_total", &["reason=\"requests\""]).await, f64::from(shed));
    server.stranger().log_in("nobody", "a-wrong-password-of-length").await.problem(401, "wrong_credentials");
}

#[tokio::test]
async fn a_slow_upload_takes_no_room_from_others() {
    let (_world, server) = serve("server.max_requests_in_flight", 1).await;
    let mut uploads = Vec::new();
    for _ in 0..5 {
        let mut raw = Raw::connect(&server).await;
        raw.say("POST /api/v1/auth/refresh HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n").await;
        // It is being read.
        assert_eq!(raw.answer().await.status, 100);
        uploads.push(raw);
    }
    server.person("ada").await.say("hello").await;
    for raw in &mut uploads {
        raw.say("{}").await;
        raw.answer().await.problem(422, "invalid_request");
    }
}

#[tokio::test]
async fn open_sockets_take_no_turn_their_place() {
    let world = World::new(Setup::Sqlite).await.without_limits().set("server.max_running_turns", 1);
    let (_world, _server, ada) = world.with_ada().await;
    let mut sockets = Vec::new();
    for _ in 0..4 {
        sockets.push(crate::harness::Socket::of(&ada).await);
    }
    ada.say("there is room").await;
    for socket in &mut sockets {
        socket.send("a", "here too").await;
    }
}

#[tokio::test]
async fn turns_above_the_bound_are_refused_others_go_on() {
    let world = World::new(Setup::Sqlite).await.without_limits().set("server.max_running_turns", 1);
    let world = world.set("server.max_requests_in_flight", 1);
    let world = world.add("providers", "name = 'mock'\nkind = 'mock'");
    let world = world.add("models", "name = 'mock/echo'\nprovider = 'mock'");
    let world = world.add("models", "name = 'mock/hang'\nprovider = 'mock'\nscript = { hang = true }");
    let (world, server, ada) = world.with_ada().await;
    // A full reply that is waited for holds a turn, and no share of the capacity.
    let (waiting, hang) = (ada.clone(), json!({"content": "wait", "model": "mock/hang"}));
    let waiting = tokio::spawn(async move { waiting.send(&hang).await });
    eventually("the running turn", async || (server.metric("mcpchat_turns_running", &[]).await == 1.0).then_some(()))
        .await;
    let refused = ada.send(&json!({"content": "no room"})).await;
    refused.problem(503, "overloaded");
    assert_eq!(refused.header("retry-after"), "1");
    assert_eq!(server.metric("mcpchat_requests_shed_total", &["reason=\"turns\""]).await, 1.0);
    assert_eq!(world.database.number("select count(*) from turns").await, 1, "what is refused leaves nothing");
    ada.get("/api/v1/users/me").await.ok(200);
    assert!(!waiting.is_finished());
    waiting.abort();
}

#[tokio::test]
async fn connections_above_the_bound_get_503_and_are_closed() {
    let (_world, server) = serve("server.max_connections", 3).await;
    let mut held = Vec::new();
    for _ in 0..3 {
        let (raw, answer) = Raw::ask(&server, LIVEZ).await;
        answer.ok(200);
        held.push(raw);
    }
    let (mut refused, answer) = Raw::ask(&server, LIVEZ).await;
    answer.problem(503, "overloaded");
    assert_eq!(answer.header("retry-after"), "1");
    refused.is_closed().await;
    assert_eq!(server.metric("mcpchat_requests_shed_total", &["reason=\"connections\""]).await, 1.0);
    held[0].say(LIVEZ).await;
    held[0].answer().await.ok(200);
    held.pop();
    eventually("a free place", async || (Raw::ask(&server, LIVEZ).await.1.status == 200).then_some(())).await;
}

#[tokio::test]
async fn one_address_cannot_take_all_connections() {
    let world = World::new(Setup::Sqlite).await.set("server.trusted_proxies", vec!["127.0.0.9"]);
    let server = world.set("server.max_connections_per_address", 2).serve().await;
    let (one, mut two) = (Raw::connect_from("127.0.0.2", &server).await, Raw::connect_from("127.0.0.2", &server).await);
    // Accepted in order: once the second is served, both have their places.
    two.say(LIVEZ).await;
    two.answer().await.ok(200);
    let mut three = Raw::connect_from("127.0.0.2", &server).await;
    let answer = three.answer().await;
    answer.problem(429, "too_many_connections");
    assert_eq!(answer.header("retry-after"), "1");
    three.is_closed().await;
    for other in ["127.0.0.3", "127.0.0.1", "127.0.0.1", "127.0.0.1", "127.0.0.9", "127.0.0.9", "127.0.0.9"] {
        let mut raw = Raw::connect_from(other, &server).await;
        raw.say(LIVEZ).await;
        raw.answer().await.ok(200);
    }
    drop(one);
    eventually("a free place", async || {
        let mut raw = Raw::connect_from("127.0.0.2", &server).await;
        raw.say(LIVEZ).await;
        (raw.answer().await.status == 200).then_some(())
    })
    .await;
}
