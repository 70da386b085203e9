//! Draining a server, unnoticed by clients: what it has begun ends well, and what comes meanwhile is served here or by
//! another.

use std::time::{Duration, Instant};

use crate::harness::{
    Events, Gate, Load, Outcome, Person, Provider, Proxy, Raw, Reply, Setup, Socket, Told, Value, World, eventually,
    json, socket::spoken, within,
};

on_every_setup! {
    a_server_that_stops_says_so_at_once
    what_outlasts_the_drain_is_kept_as_far_as_it_came
    a_second_signal_ends_it_at_once
    connections_waiting_for_accept_are_served
    what_comes_on_an_open_connection_is_served
}

on_redis! {
    a_socket_closed_by_a_drain_resumes_elsewhere
    a_rolling_restart_fails_no_request
}

async fn start(setup: Setup) -> (World, Provider) {
    World::new(setup).await.limit("at-once", "turns", 1000, "").with_provider().await
}

/// A turn whose reply waits after its first word.
async fn held(ada: &Person, provider: &Provider, gate: &Gate) -> (Events, Value) {
    provider.next(Reply::text(["begun, "]).then_wait(gate).then("end"));
    let mut events = ada.stream(&json!({"content": "slowly"})).await;
    let turn = events.expect("turn").await;
    events.expect("delta").await;
    (events, turn)
}

async fn a_server_that_stops_says_so_at_once(setup: Setup) {
    let (world, provider) = start(setup).await;
    let (_world, mut server, ada) = world.with_ada().await;
    let gate = Gate::closed();
    let (events, turn) = held(&ada, &provider, &gate).await;
    let balancer = server.stranger();
    for _ in 0..3 {
        balancer.get("/readyz").await.ok(200);
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    let mut socket = Socket::of(&ada).await;
    server.process.signal("TERM");
    assert_eq!(socket.closed().await.0, 1012);
    let said = balancer.get("/readyz").await;
    said.problem(503, "draining");
    assert_eq!(said.header("connection"), "close", "so that the next request goes elsewhere");
    // A client that has not heard of it yet is served.
    ada.say("just in time").await;
    eventually("it to take nothing more", async || {
        tokio::net::TcpStream::connect(server.address()).await.is_err().then_some(())
    })
    .await;
    gate.open();
    let events = events.all().await;
    assert_eq!(events.last().unwrap().data["turn"]["state"], "completed");
    assert_eq!(events.last().unwrap().data["turn"]["id"], turn["turn_id"]);
    assert_eq!(server.process.exit_code().await, 0);
}

async fn what_outlasts_the_drain_is_kept_as_far_as_it_came(setup: Setup) {
    let (world, provider) = start(setup).await;
    let world = world.set("server.drain_timeout", "300ms").limit("daily", "tokens", 100_000, "day");
    let (world, mut server, ada) = world.with_ada().await;
    let (events, turn) = held(&ada, &provider, &Gate::closed()).await;
    server.process.signal("TERM");
    let last = events.all().await.pop().expect("it is told how the turn ended");
    assert_eq!((last.name.as_str(), &last.data["code"]), ("error", &json!("interrupted")));
    assert_eq!(server.process.exit_code().await, 0);
    let next = world.serve().await;
    let ada = ada.at(&next);
    let ended = ada.turn(&turn["turn_id"]).await;
    assert_eq!(ended["state"], "interrupted", "{ended}");
    assert_eq!(ended["usage"]["source"], "partial", "{ended}");
    assert_eq!(ada.history(&turn["conversation_id"]).await, ["user: slowly", "assistant: begun, "]);
    // Its place among the running turns and what was reserved for it are given back.
    let shown = world.cli(["ratelimit", "show", "ada", "-o", "plain"]).run().await;
    let used = |rule: &str| -> u64 {
        let line = shown.ended(0).lines().find(|line| line.starts_with(rule)).unwrap();
        line.split('\t').nth(3).unwrap().parse().unwrap()
    };
    assert!(used("at-once") == 0 && (1..50).contains(&used("daily")), "{shown:?}");
    ada.say_in(&turn["conversation_id"], "the conversation is free").await;
}

async fn a_second_signal_ends_it_at_once(setup: Setup) {
    let (world, provider) = start(setup).await;
    let (world, mut server, ada) = world.with_ada().await;
    let (events, turn) = held(&ada, &provider, &Gate::closed()).await;
    server.process.signal("TERM");
    server.said("draining", |_| true).await;
    let begin = Instant::now();
    server.process.signal("TERM");
    assert_eq!(server.process.exit_code().await, 130);
    assert!(begin.elapsed() < Duration::from_secs(3), "{:?}", begin.elapsed());
    drop(events);
    let next = world.serve().await;
    let ended = ada.at(&next).turn(&turn["turn_id"]).await;
    assert_eq!(ended["state"], "interrupted", "{ended}");
}

/// The kernel has accepted them, and the server has not yet.
async fn connections_waiting_for_accept_are_served(setup: Setup) {
    let (world, _provider) = start(setup).await;
    let mut server = world.serve().await;
    server.process.signal("STOP");
    let mut waiting = Vec::new();
    for _ in 0..20 {
        let mut raw = Raw::connect(&server).await;
        raw.say("GET /livez HTTP/1.1\r\nhost: test\r\n\r\n").await;
        waiting.push(raw);
    }
    server.process.signal("TERM");
    server.process.signal("CONT");
    for mut raw in waiting {
        assert_eq!(raw.answer().await.status, 200);
    }
    assert_eq!(server.process.exit_code().await, 0);
}

/// Proxies that do not ask `/readyz` go on using the connections they have.
async fn what_comes_on_an_open_connection_is_served(setup: Setup) {
    let (world, _provider) = start(setup).await;
    let (_world, mut server, ada) = world.with_ada().await;
    let (mut first, answer) = Raw::ask(&server, "GET /livez HTTP/1.1\r\nhost: test\r\n\r\n").await;
    answer.ok(200);
    let mut fresh = Raw::connect(&server).await;
    let mut socket = Raw::connect(&server).await;
    server.process.signal("TERM");
    eventually("it to listen no more", async || {
        tokio::net::TcpStream::connect(server.address()).await.is_err().then_some(())
    })
    .await;
    let bearer = format!("authorization: Bearer {}\r\n", ada.token());
    for raw in [&mut first, &mut fresh] {
        raw.post("/api/v1/messages", &bearer, &json!({"content": "late"})).await;
        let answer = raw.answer().await;
        assert_eq!(answer.ok(201)["turn"]["state"], "completed");
        assert_eq!(answer.header("connection"), "close");
        raw.is_closed().await;
    }
    // A handshake succeeds, and its socket is sent elsewhere.
    let key = "sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    socket
        .say(format!(
            "GET /api/v1/ws HTTP/1.1\r\nhost: test\r\nconnection: upgrade\r\nupgrade: websocket\r\n{key}{bearer}\r\n"
        ))
        .await;
    let said = socket.rest().await;
    let is_sent_away = said.windows(4).any(|part| part[0] == 0x88 && part[2..] == 1012_u16.to_be_bytes());
    assert!(said.starts_with(b"HTTP/1.1 101") && is_sent_away, "{:?}", String::from_utf8_lossy(&said));
    assert_eq!(server.process.exit_code().await, 0);
}

async fn a_socket_closed_by_a_drain_resumes_elsewhere(setup: Setup) {
    let (world, provider) = start(setup).await;
    let (mut server, other) = (world.serve().await, world.serve().await);
    let ada = server.person("ada").await;
    let gate = Gate::closed();
    provider.next(Reply::text(["begun, "]).then_wait(&gate).then("end"));
    let mut socket = Socket::of(&ada).await;
    socket.say(&json!({"type": "send", "id": "a", "content": "slowly"})).await;
    let turn = socket.expect("turn").await;
    assert_eq!(socket.expect("delta").await["text"], "begun, ");
    server.process.signal("TERM");
    assert_eq!(socket.closed().await.0, 1012);
    let mut socket = Socket::of(&ada.at(&other)).await;
    socket.say(&json!({"type": "resume", "id": "b", "turn_id": turn["turn_id"], "after": 0})).await;
    gate.open();
    assert_eq!(spoken(&socket.all_of("b").await), "begun, end");
    assert_eq!(server.process.exit_code().await, 0);
}

/// A client behind a balancer sees no difference: not one request is refused or cut, and no turn is lost.
async fn a_rolling_restart_fails_no_request(setup: Setup) {
    let (world, quick) = start(setup).await;
    let slow = Provider::start().await;
    let url = format!("http://{}/v1", slow.address());
    let world = world.add("providers", &format!("name = 'slow'\nkind = 'openai'\nbase_url = '{url}'\napi_key = 'sk'"));
    let world = world.add("models", "name = 'slow'\nprovider = 'slow'\nmax_output_tokens = 256");
    let proxy = Proxy::start().await;
    let mut servers = [world.serve().await, world.serve().await];
    for server in &servers {
        proxy.takes(server).await;
    }
    let ada = servers[0].person("ada").await;
    let load = Load::of((0..4).map(|_| ada.through(&proxy)));
    load.goes_on(Duration::from_secs(5)).await;
    for server in &mut servers {
        let gate = Gate::closed();
        slow.next(Reply::text(["begun, "]).then_wait(&gate).then("end"));
        let mut events = ada.at(server).stream(&json!({"content": "slowly", "model": "slow"})).await;
        let mut seen = vec![events.next().await.unwrap(), events.next().await.unwrap()];
        server.process.signal("TERM");
        within(Duration::from_secs(10), "it to take nothing more", async || {
            tokio::net::TcpStream::connect(server.address()).await.is_err().then_some(())
        })
        .await;
        load.goes_on(Duration::from_secs(5)).await;
        gate.open();
        seen.extend(events.all().await);
        assert_eq!(Told::whole(&seen).text, "begun, end");
        assert_eq!(server.process.exit_code().await, 0);
        proxy.leaves(server);
        *server = world.serve().await;
        proxy.takes(server).await;
        load.goes_on(Duration::from_secs(5)).await;
    }
    let outcomes = load.end().await;
    let refused: Vec<&Outcome> = outcomes.iter().filter(|one| !one.is_good()).collect();
    assert!(refused.is_empty(), "{} of {}: {:#?}", refused.len(), outcomes.len(), refused[0]);
    let done = 2 + outcomes.len() as i64;
    assert_eq!(world.database.number("select count(*) from turns where state = 'completed'").await, done);
    assert_eq!(world.database.number("select count(*) from turns").await, done);
    assert_eq!((quick.calls().len() + slow.calls().len()) as i64, done);
}
