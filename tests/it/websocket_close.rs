//! Closing of WebSockets, and by which code: revocation, restart, limits, slow and silent readers. The turns go on.

use crate::harness::{Gate, Jwt, Person, Reply, Setup, Socket, Value, World, eventually, json, socket::spoken, within};

on_every_setup! {
    a_revoked_session_is_closed_within_a_second
    an_expired_token_is_closed_unless_it_is_renewed
    a_restart_closes_sockets_at_once_and_turns_finish
    a_slow_reader_is_closed_and_slows_no_other
    a_silent_socket_is_closed_an_answering_one_is_not
    a_user_has_so_many_sockets
    a_socket_has_so_many_turns
    a_flood_of_frames_is_closed
    a_binary_frame_is_closed
    memory_is_what_it_was_after_many_sockets
}

/// Waits until the turn has this state and gives it.
async fn turn_in(person: &Person, turn: &Value, state: &str) -> Value {
    eventually(state, async || {
        let turn = person.turn(turn).await;
        assert!(turn["state"] == state || turn["state"] == "running", "{turn}");
        (turn["state"] == state).then_some(turn)
    })
    .await
}

async fn a_revoked_session_is_closed_within_a_second(setup: Setup) {
    let (_world, provider, server, mut ada) = World::new(setup).await.without_limits().with_provider_and_ada().await;
    let gate = Gate::closed();
    provider.next(Reply::text(["first "]).then_wait(&gate).then("last"));
    let mut socket = Socket::of(&ada).await;
    socket.say(&json!({"type": "send", "id": "a", "content": "x"})).await;
    let turn = socket.expect("turn").await["turn_id"].clone();
    socket.expect("delta").await;
    let elsewhere = server.login("ada").await;
    let mut other = Socket::of(&elsewhere).await;
    ada.post("/api/v1/auth/logout", &json!({})).await.ok(204);
    let started = std::time::Instant::now();
    let (code, _) = socket.closed().await;
    let took = started.elapsed();
    assert_eq!(code, 4401);
    assert!(took.as_secs_f64() < 1.0, "{took:?}");
    gate.open();
    ada.log_in("ada", crate::harness::PASSWORD).await.ok(200);
    turn_in(&ada, &turn, "completed").await;
    assert_eq!(spoken(&other.send("a", "another session stays").await), "another session stays");
}

async fn an_expired_token_is_closed_unless_it_is_renewed(setup: Setup) {
    let (_world, _provider, server, _) =
        World::new(setup).await.without_limits().set("auth.access_token_ttl", "8s").with_provider_and_ada().await;
    server.person("bob").await;
    // Tokens of this very moment, because making people takes its time.
    let (bob, ada) = (server.login("bob").await, server.login("ada").await);
    let (mut left, mut renewed) = (Socket::of(&ada).await, Socket::of(&ada).await);
    renewed.say(&json!({"type": "auth", "token": bob.token()})).await;
    assert_eq!(renewed.expect("error").await["code"], "forbidden", "a socket has one user");
    renewed.say(&json!({"type": "auth", "token": "x"})).await;
    assert_eq!(renewed.expect("error").await["code"], "unauthenticated");
    let mut later = ada.clone();
    // A token's expiry is in whole seconds: one made in the next second lives longer.
    eventually("a token of the next second", async || {
        let pair = later.refresh(&later.refresh_token).await;
        later.keep(&pair);
        (exp(&later) > exp(&ada)).then_some(())
    })
    .await;
    renewed.say(&json!({"type": "auth", "token": later.token()})).await;
    renewed.expect("welcome").await;
    let (code, reason) = left.closed().await;
    assert!(code == 4401 && reason.contains("expired"), "{code} {reason}");
    renewed.say(&json!({"type": "ping"})).await;
    renewed.expect("pong").await;
    assert_eq!(renewed.closed().await.0, 4401, "in its own time");
}

fn exp(person: &Person) -> i64 {
    Jwt::of(person.token()).claims()["exp"].as_i64().unwrap()
}

async fn a_restart_closes_sockets_at_once_and_turns_finish(setup: Setup) {
    let (world, provider, mut server, ada) = World::new(setup).await.without_limits().with_provider_and_ada().await;
    let gate = Gate::closed();
    provider.next(Reply::text(["first "]).then_wait(&gate).then("last"));
    let (mut busy, mut idle) = (Socket::of(&ada).await, Socket::of(&ada).await);
    let mut anonymous = Socket::anonymous(&ada).await;
    busy.say(&json!({"type": "send", "id": "a", "content": "x"})).await;
    let turn = busy.expect("turn").await;
    server.process.signal("TERM");
    for socket in [&mut busy, &mut idle, &mut anonymous] {
        assert_eq!(socket.closed().await, (1012, "restart; resume elsewhere".into()));
    }
    gate.open();
    assert_eq!(server.process.exit_code().await, 0);
    let next = world.serve().await;
    let ada = ada.at(&next);
    let mut socket = Socket::of(&ada).await;
    socket.say(&json!({"type": "resume", "id": "a", "turn_id": turn["turn_id"], "after": 1})).await;
    let frames = socket.all_of("a").await;
    assert_eq!(spoken(&frames), "first last");
    assert_eq!(frames.last().unwrap()["turn"]["state"], "completed");
}

async fn a_slow_reader_is_closed_and_slows_no_other(setup: Setup) {
    /// All together far more than the buffers between the two of them hold.
    const TURNS: usize = 4;
    const PIECES: usize = 70;
    let (_world, provider, server, ada) =
        World::new(setup).await.without_limits().set("server.ws_write_timeout", "1s").with_provider_and_ada().await;
    let piece = "slow ".repeat(10_000);
    let gate = Gate::closed();
    let long = (0..PIECES).fold(Reply::text(["begin "]), |reply, _| reply.then(&piece)).then_wait(&gate).then("end");
    for _ in 0..TURNS {
        provider.next(long.clone());
    }
    let (mut slow, mut quick) = (Socket::narrow(&ada).await, Socket::of(&ada).await);
    slow.expect("welcome").await;
    for number in 0..TURNS {
        slow.say(&json!({"type": "send", "id": number.to_string(), "content": "x"})).await;
    }
    provider.called(TURNS).await;
    let turns = ada.get("/api/v1/turns").await.ok(200)["items"].as_array().unwrap().clone();
    assert_eq!(turns.len(), TURNS);
    assert_eq!(spoken(&quick.send("b", "quick").await), "quick");
    let closed = || server.log().into_iter().find(|line| line.to_string().contains("a WebSocket ended"));
    let line = eventually("the slow one to be closed", async || closed()).await;
    assert!(line.to_string().contains("4408"), "{line}");
    assert_eq!(spoken(&quick.send("b", "still quick").await), "still quick");
    gate.open();
    for turn in turns {
        turn_in(&ada, &turn["id"], "completed").await;
        quick.say(&json!({"type": "resume", "id": "a", "turn_id": turn["id"]})).await;
        let text = spoken(&quick.all_of("a").await);
        assert_eq!(text.len(), "begin end".len() + PIECES * piece.len(), "nothing is lost");
    }
}

async fn a_silent_socket_is_closed_an_answering_one_is_not(setup: Setup) {
    let (_world, _provider, _server, ada) =
        World::new(setup).await.without_limits().set("server.ws_heartbeat", "1s").with_provider_and_ada().await;
    let (mut silent, mut answering) = (Socket::of(&ada).await, Socket::of(&ada).await);
    silent.answers_pings = false;
    let started = std::time::Instant::now();
    let answer = tokio::spawn(async move {
        // Only what answers pings comes back from here, and only when it is closed.
        answering.closed().await
    });
    let (code, reason) = silent.closed().await;
    let took = started.elapsed().as_secs_f64();
    assert!(code == 1008 && reason.contains("ping"), "{code} {reason}");
    assert!((2.0..20.0).contains(&took), "after three heartbeats: {took}");
    assert!(!answer.is_finished(), "who answers stays");
    answer.abort();
}

async fn a_user_has_so_many_sockets(setup: Setup) {
    let (_world, _provider, server, ada) =
        World::new(setup).await.without_limits().set("server.max_sockets_per_user", 2).with_provider_and_ada().await;
    let (first, mut second) = (Socket::of(&ada).await, Socket::of(&ada).await);
    let bearer = format!("Bearer {}", ada.token());
    let ask = async || Socket::ask(&ada.server_address(), "/api/v1/ws", &[("Authorization", &bearer)]).await;
    ask().await.err().unwrap().problem(429, "too_many_sockets");
    let mut third = Socket::anonymous(&ada).await;
    third.say(&json!({"type": "auth", "token": ada.token()})).await;
    let (code, reason) = third.closed().await;
    assert!(code == 1008 && reason.contains("too many sockets"), "{code} {reason}");
    Socket::of(&server.person("bob").await).await;
    drop(first);
    eventually("a place", async || ask().await.ok()).await;
    assert_eq!(spoken(&second.send("a", "hello").await), "hello");
}

async fn a_socket_has_so_many_turns(setup: Setup) {
    const MOST: usize = 32;
    let (_world, provider, _server, ada) = World::new(setup).await.without_limits().with_provider_and_ada().await;
    let gate = Gate::closed();
    provider.always(Reply::text(["first "]).then_wait(&gate).then("last"));
    let mut socket = Socket::of(&ada).await;
    for number in 0..MOST {
        socket.say(&json!({"type": "send", "id": number.to_string(), "content": "x"})).await;
        while socket.next().await["type"] != "turn" {}
    }
    socket.say(&json!({"type": "send", "id": "one more", "content": "x"})).await;
    let (code, reason) = socket.closed().await;
    assert!(code == 1008 && reason.contains("turns"), "{code} {reason}");
    gate.open();
    eventually("all turns to end", async || {
        ada.get("/api/v1/turns").await.ok(200)["items"].as_array().unwrap().is_empty().then_some(())
    })
    .await;
}

async fn a_flood_of_frames_is_closed(setup: Setup) {
    let (_world, _provider, _server, ada) = World::new(setup).await.without_limits().with_provider_and_ada().await;
    for (first, payload) in [(0x89, &b"x"[..]), (0x8a, b""), (0x81, b"{}"), (0x81, br#"{"type":"ping"}"#)] {
        let mut socket = Socket::of(&ada).await;
        for _ in 0..3000 {
            socket.put(first, payload).await;
        }
        let (code, reason) = socket.closed().await;
        assert!(code == 1008 && reason.contains("frames"), "{first:#x}: {code} {reason}");
    }
}

async fn a_binary_frame_is_closed(setup: Setup) {
    let (_world, _provider, _server, ada) = World::new(setup).await.without_limits().with_provider_and_ada().await;
    let mut socket = Socket::of(&ada).await;
    socket.put(0x82, br#"{"type":"ping"}"#).await;
    assert_eq!(socket.closed().await.0, 1003);
}

async fn memory_is_what_it_was_after_many_sockets(setup: Setup) {
    const SOCKETS: u32 = 500;
    let world = World::new(setup).await.without_limits().set("server.max_sockets_per_user", SOCKETS + 1);
    let (_world, _provider, server, ada) = world.with_provider_and_ada().await;
    let wave = async || {
        let mut sockets = Vec::new();
        for _ in 0..SOCKETS {
            sockets.push(Socket::of(&ada).await);
        }
        drop(sockets);
        let open = async || server.metric("mcpchat_websocket_connections", &[]).await;
        within(std::time::Duration::from_secs(60), "all to be gone", async || (open().await == 0.0).then_some(()))
            .await;
        server.metric("process_resident_memory_bytes", &[]).await
    };
    // The first ones also warm the process up.
    let (_, before) = (wave().await, wave().await);
    wave().await;
    let after = wave().await;
    let grown = (after - before) / (2.0 * f64::from(SOCKETS));
    assert!(grown < 4096.0, "{grown} bytes are kept for every socket: {before} to {after}");
}
