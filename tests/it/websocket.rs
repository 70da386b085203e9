//! Turns over a WebSocket: which clients may open one, and its frames.

use crate::harness::{Gate, Person, Provider, Reply, Setup, Socket, Value, World, eventually, json, socket::spoken};

on_every_setup! {
    a_token_comes_by_header_subprotocol_or_first_frame
    a_token_that_is_not_good_opens_nothing
    a_token_has_no_place_in_the_url
    pages_of_other_sites_open_nothing
    a_reply_is_the_same_as_over_rest
    a_turn_that_is_refused_says_why_and_frees_its_id
    many_turns_run_at_once_on_one_socket
    a_turn_is_resumed_where_the_socket_was_cut
    an_ended_turn_is_replayed_from_a_readers_position
    its_own_or_another_socket_cancels_a_turn
    an_invalid_frame_is_refused_and_the_socket_stays
    sockets_are_counted_and_logged_without_secrets
}

on_database_servers! { an_unavailable_database_is_no_bad_token }

const WS: &str = "/api/v1/ws";

async fn ask(person: &Person, headers: &[(&str, &str)]) -> Result<Socket, crate::harness::socket::Handshake> {
    Socket::ask(&person.server_address(), WS, headers).await.map(|(socket, _)| socket)
}

async fn a_token_comes_by_header_subprotocol_or_first_frame(setup: Setup) {
    let (_world, _provider, _server, ada) = World::new(setup).await.without_limits().with_provider_and_ada().await;
    let address = ada.server_address();
    let me = ada.get("/api/v1/users/me").await.ok(200);
    let (bearer, protocols) = (format!("bearer {}", ada.token()), format!("mcpchat.v1, bearer.{}", ada.token()));

    let (mut socket, answer) = Socket::ask(&address, WS, &[("Authorization", &bearer)]).await.ok().unwrap();
    assert_eq!(answer.header("sec-websocket-protocol"), None);
    assert!(answer.header("x-request-id").is_some());
    let welcome = socket.expect("welcome").await;
    assert_eq!(welcome, json!({"type": "welcome", "user": me, "heartbeat_secs": 20}));

    let (mut socket, answer) = Socket::ask(&address, WS, &[("Sec-WebSocket-Protocol", &protocols)]).await.ok().unwrap();
    assert_eq!(answer.header("sec-websocket-protocol"), Some("mcpchat.v1"), "the token is not sent back");
    assert_eq!(socket.expect("welcome").await, welcome);

    for headers in [&[][..], &[("Sec-WebSocket-Protocol", "mcpchat.v1")]] {
        let mut socket = ask(&ada, headers).await.ok().unwrap();
        socket.say(&json!({"type": "auth", "token": ada.token()})).await;
        assert_eq!(socket.expect("welcome").await, welcome);
        assert_eq!(spoken(&socket.send("a", "hello").await), "hello");
    }
    let both = [("Authorization", bearer.as_str()), ("Sec-WebSocket-Protocol", &protocols)];
    ask(&ada, &both).await.err().unwrap().problem(400, "two_tokens");
    let other = [("Sec-WebSocket-Protocol", "chat.v7")];
    ask(&ada, &other).await.err().unwrap().problem(400, "unsupported_subprotocol");
}

async fn a_token_that_is_not_good_opens_nothing(setup: Setup) {
    let (_world, _provider, _server, ada) = World::new(setup).await.without_limits().with_provider_and_ada().await;
    let changed = format!("{}x", ada.token());
    for token in [changed.as_str(), "x"] {
        let (bearer, protocols) = (format!("Bearer {token}"), format!("mcpchat.v1, bearer.{token}"));
        let refused = ask(&ada, &[("Authorization", &bearer)]).await.err().unwrap();
        refused.problem(401, "unauthenticated");
        assert_eq!(refused.header("www-authenticate"), Some("Bearer"));
        ask(&ada, &[("Sec-WebSocket-Protocol", &protocols)]).await.err().unwrap().problem(401, "unauthenticated");
        let mut socket = Socket::anonymous(&ada).await;
        socket.say(&json!({"type": "auth", "token": token})).await;
        assert_eq!(socket.closed().await.0, 4401);
    }
    for first in [json!({"type": "ping"}), json!({"type": "send", "id": "a", "content": "x"}), json!("auth")] {
        let mut socket = Socket::anonymous(&ada).await;
        socket.say(&first).await;
        assert_eq!(socket.closed().await.0, 1008, "{first}");
    }
    let mut silent = Socket::anonymous(&ada).await;
    let (code, reason) = silent.closed().await;
    assert_eq!(code, 1008, "after five seconds: {reason}");
    assert!(reason.contains("auth"), "{reason}");
}

async fn a_token_has_no_place_in_the_url(setup: Setup) {
    let (_world, _provider, _server, ada) = World::new(setup).await.without_limits().with_provider_and_ada().await;
    let bearer = format!("Bearer {}", ada.token());
    for name in ["token", "access_token", "Token", "%74oken"] {
        let path = format!("{WS}?{name}={}", ada.token());
        for headers in [&[][..], &[("Authorization", bearer.as_str())]] {
            let refused = Socket::ask(&ada.server_address(), &path, headers).await.err().unwrap();
            refused.problem(400, "token_in_url");
        }
    }
}

async fn pages_of_other_sites_open_nothing(setup: Setup) {
    let provider = Provider::start().await;
    let world = World::new(setup).await.provider(&provider);
    let (_world, server, ada) = world.set("server.allowed_origins", vec!["https://app.example"]).with_ada().await;
    let bearer = format!("Bearer {}", ada.token());
    let here = server.url();
    for (page, may) in [
        (here.as_str(), true),
        ("https://app.example", true),
        ("http://app.example", false),
        ("https://app.example.evil", false),
        ("https://127.0.0.1", false),
        ("null", false),
    ] {
        let asked = ask(&ada, &[("Authorization", &bearer), ("Origin", page)]).await;
        assert_eq!(asked.is_ok(), may, "{page}");
        asked.err().inspect(|refused| drop(refused.problem(403, "foreign_origin")));
    }
}

async fn a_reply_is_the_same_as_over_rest(setup: Setup) {
    let (_world, provider, _server, ada) = World::new(setup).await.without_limits().with_provider_and_ada().await;
    let mut socket = Socket::of(&ada).await;
    provider.next(Reply::text(["Grüß", " dich,", " 🌍"]));
    let send = json!({"type": "send", "id": "a", "content": "hallo", "system_prompt": "be kind", "temperature": 0.5,
        "top_p": 0.9, "top_k": 40, "max_tokens": 9, "stop": ["!"]});
    socket.say(&send).await;
    let frames = socket.all_of("a").await;
    // Pieces that come at once may come as one.
    let numbers: Vec<u64> = frames.iter().map(|frame| frame["seq"].as_u64().unwrap()).collect();
    assert!(numbers.iter().copied().eq(1..=frames.len() as u64), "{numbers:?}");
    let [first, deltas @ .., last] = frames.as_slice() else { panic!("{frames:?}") };
    assert!(first["type"] == "turn" && last["type"] == "done" && !deltas.is_empty(), "{frames:?}");
    assert!(deltas.iter().all(|delta| delta["type"] == "delta"), "{frames:?}");
    assert!(frames.iter().all(|frame| frame["turn_id"] == first["turn_id"]), "{frames:?}");
    assert_eq!(spoken(&frames), "Grüß dich, 🌍");
    assert_eq!(last["turn"], ada.turn(&first["turn_id"]).await);
    assert_eq!(last["usage"], last["turn"]["usage"]);
    let id = last["message"]["id"].as_str().unwrap();
    assert_eq!(last["message"], ada.get(&format!("/api/v1/messages/{id}")).await.ok(200));
    for member in ["conversation_id", "user_message_id", "assistant_message_id", "model"] {
        assert_eq!(first[member], last["turn"][member], "{member}");
    }
    let body = provider.last_call().body;
    assert_eq!((&body["temperature"], &body["top_p"], &body["stop"]), (&json!(0.5), &json!(0.9), &json!(["!"])));
    assert_eq!(body["top_k"], 40);
    assert_eq!(body["messages"][0]["content"], "be kind");

    let on = json!({"type": "send", "id": "a", "content": "weiter", "conversation_id": first["conversation_id"]});
    socket.say(&on).await;
    assert_eq!(spoken(&socket.all_of("a").await), "weiter");
    let history = ada.history(&first["conversation_id"]).await;
    assert_eq!(history, ["user: hallo", "assistant: Grüß dich, 🌍", "user: weiter", "assistant: weiter"]);
}

async fn a_turn_that_is_refused_says_why_and_frees_its_id(setup: Setup) {
    let world = World::new(setup).await.limit("two", "messages", 2, "1h");
    let (_world, provider, _server, ada) = world.with_provider_and_ada().await;
    let mut socket = Socket::of(&ada).await;
    socket.say(&json!({"type": "send", "id": "a", "content": "x", "model": "no/such"})).await;
    let refused = socket.expect("error").await;
    assert_eq!(
        (&refused["id"], &refused["code"], &refused["status"]),
        (&json!("a"), &json!("unknown_model"), &json!(422))
    );
    assert!(refused.get("seq").is_none() && refused.get("turn_id").is_none(), "there is no turn: {refused}");

    provider.next(Reply::text(["half"]).then_break());
    let failed = socket.send("a", "fails").await;
    let last = failed.last().unwrap();
    assert_eq!((&last["type"], &last["seq"]), (&json!("error"), &json!(failed.len())));
    assert_eq!(last["turn_id"], failed[0]["turn_id"]);
    assert!(last["code"].as_str().unwrap().starts_with("provider_"), "{last}");

    assert_eq!(spoken(&socket.send("a", "second").await), "second");
    let limited = socket.send("a", "third").await;
    assert_eq!((&limited[0]["code"], &limited[0]["rule"]), (&json!("rate_limited"), &json!("two")), "{limited:?}");
    assert!(limited[0]["retry_after_secs"].as_u64().unwrap() > 0, "{limited:?}");
}

async fn many_turns_run_at_once_on_one_socket(setup: Setup) {
    const TURNS: usize = 30;
    let (_world, provider, _server, ada) = World::new(setup).await.without_limits().with_provider_and_ada().await;
    let mut socket = Socket::of(&ada).await;
    let gate = Gate::closed();
    provider.always(Reply::text(["one ", "two "]).then_wait(&gate).then("three ").then("four"));
    for number in 0..TURNS {
        socket.say(&json!({"type": "send", "id": number.to_string(), "content": "count"})).await;
        provider.called(number + 1).await;
    }
    socket.say(&json!({"type": "send", "id": "7", "content": "again"})).await;
    let mut of_turn: Vec<Vec<Value>> = vec![Vec::new(); TURNS];
    let mut order = Vec::new();
    let mut refused = false;
    while of_turn.iter().any(|frames| frames.last().is_none_or(|last| last["type"] != "done")) {
        let frame = socket.next().await;
        if frame["type"] == "error" {
            assert_eq!((&frame["code"], &frame["id"]), (&json!("id_in_use"), &json!("7")), "{frame}");
            refused = true;
            gate.open();
            continue;
        }
        let number: usize = frame["id"].as_str().unwrap().parse().unwrap();
        order.push(number);
        of_turn[number].push(frame);
    }
    assert!(refused);
    for frames in &of_turn {
        assert_eq!(spoken(frames), "one two three four");
        let numbers: Vec<u64> = frames.iter().map(|frame| frame["seq"].as_u64().unwrap()).collect();
        assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<_>>());
        assert!(frames.iter().all(|frame| frame["turn_id"] == frames[0]["turn_id"]));
    }
    let mut grouped = order.clone();
    grouped.dedup();
    assert!(grouped.len() > TURNS, "no turn waits for another: {order:?}");
}

async fn a_turn_is_resumed_where_the_socket_was_cut(setup: Setup) {
    let (_world, provider, _server, ada) = World::new(setup).await.without_limits().with_provider_and_ada().await;
    let gate = Gate::closed();
    provider.next(Reply::text(["Grüß", " dich,"]).then_wait(&gate).then(" 🌍").then("!"));
    let mut socket = Socket::of(&ada).await;
    socket.say(&json!({"type": "send", "id": "a", "content": "hallo"})).await;
    let turn = socket.expect("turn").await;
    let mut seen = vec![socket.expect("delta").await];
    drop(socket);
    let mut socket = Socket::of(&ada).await;
    let after = seen[0]["seq"].clone();
    socket.say(&json!({"type": "resume", "id": "b", "turn_id": turn["turn_id"], "after": after})).await;
    seen.push(socket.expect("delta").await);
    gate.open();
    seen.extend(socket.all_of("b").await);
    assert_eq!(spoken(&seen), "Grüß dich, 🌍!");
    let numbers: Vec<u64> = seen.iter().map(|frame| frame["seq"].as_u64().unwrap()).collect();
    assert_eq!(numbers, (2..2 + numbers.len() as u64).collect::<Vec<_>>());
    assert_eq!(seen.last().unwrap()["message"]["content"], "Grüß dich, 🌍!");
}

async fn an_ended_turn_is_replayed_from_a_readers_position(setup: Setup) {
    let (_world, _provider, server, ada) = World::new(setup).await.without_limits().with_provider_and_ada().await;
    let turn = ada.say("one two").await["turn"].clone();
    let mut socket = Socket::of(&ada).await;
    socket.say(&json!({"type": "resume", "id": "a", "turn_id": turn["id"], "after": 2})).await;
    let frames = socket.all_of("a").await;
    let outline: Vec<(&str, u64)> =
        frames.iter().map(|frame| (frame["type"].as_str().unwrap(), frame["seq"].as_u64().unwrap())).collect();
    assert_eq!(outline, [("delta", 3), ("done", 4)]);
    assert_eq!((&frames[0]["text"], &frames[1]["turn"]), (&json!("two"), &turn));
    let mut bobs = Socket::of(&server.person("bob").await).await;
    bobs.say(&json!({"type": "resume", "id": "a", "turn_id": turn["id"]})).await;
    assert_eq!(bobs.expect("error").await["code"], "not_found");
}

async fn its_own_or_another_socket_cancels_a_turn(setup: Setup) {
    let (_world, provider, server, ada) = World::new(setup).await.without_limits().with_provider_and_ada().await;
    let (mut socket, mut other) = (Socket::of(&ada).await, Socket::of(&ada).await);
    let mut bobs = Socket::of(&server.person("bob").await).await;
    for from_other in [false, true] {
        provider.next(Reply::text(["first "]).then_wait(&Gate::closed()).then("never"));
        socket.say(&json!({"type": "send", "id": "a", "content": "x"})).await;
        let turn = socket.expect("turn").await["turn_id"].clone();
        socket.expect("delta").await;
        let cancel = json!({"type": "cancel", "id": "c", "turn_id": turn});
        bobs.say(&cancel).await;
        let refused = bobs.expect("error").await;
        assert_eq!((&refused["code"], &refused["id"]), (&json!("not_found"), &json!("c")));
        if from_other {
            other.say(&cancel).await
        } else {
            socket.say(&cancel).await
        }
        let done = socket.expect("done").await;
        assert_eq!((&done["id"], &done["turn"]["state"]), (&json!("a"), &json!("cancelled")), "{done}");
        assert_eq!(done["message"]["content"], "first ");
        other.say(&cancel).await;
        other.say(&json!({"type": "ping"})).await;
        other.expect("pong").await;
    }
}

async fn an_invalid_frame_is_refused_and_the_socket_stays(setup: Setup) {
    let (world, _provider, _server, ada) = World::new(setup).await.without_limits().with_provider_and_ada().await;
    let mut socket = Socket::of(&ada).await;
    for (text, id, field) in [
        ("", None, "frame"),
        ("{", None, "frame"),
        ("[]", None, "frame"),
        (r#"{"type":"dance","id":"x"}"#, Some("x"), "type"),
        (r#"{"type":"send","id":"x","content":"y","stream":true}"#, Some("x"), "stream"),
        (r#"{"type":"send","id":"x","content":" "}"#, Some("x"), "content"),
        (r#"{"type":"send","content":"y"}"#, None, "frame"),
        (r#"{"type":"send","id":"","content":"y"}"#, None, "id"),
        (r#"{"type":"resume","id":"x","turn_id":"7"}"#, Some("x"), "turn_id"),
        (r#"{"type":"ping","id":"x"}"#, Some("x"), "id"),
    ] {
        socket.put(0x81, text.as_bytes()).await;
        let refused = socket.expect("error").await;
        assert_eq!((&refused["code"], &refused["status"]), (&json!("invalid_request"), &json!(422)), "{text}");
        assert_eq!(refused.get("id").and_then(Value::as_str), id, "{text}: {refused}");
        assert_eq!(refused["errors"][0]["field"], field, "{text}: {refused}");
    }
    let long = json!({"type": "send", "id": "x".repeat(65), "content": "y"});
    socket.say(&long).await;
    assert_eq!(socket.expect("error").await["errors"][0]["field"], "id");
    assert_eq!(world.database.number("select count(*) from turns").await, 0);
    socket.say(&json!({"type": "ping"})).await;
    assert_eq!(socket.next().await, json!({"type": "pong"}));
    assert_eq!(spoken(&socket.send(&"é".repeat(64), "still here").await), "still here");
}

async fn sockets_are_counted_and_logged_without_secrets(setup: Setup) {
    let (_world, _provider, server, ada) = World::new(setup).await.without_limits().with_provider_and_ada().await;
    let open = async || server.metric("mcpchat_websocket_connections", &[]).await;
    assert_eq!(open().await, 0.0);
    let mut sockets = vec![Socket::of(&ada).await, Socket::of(&ada).await, Socket::anonymous(&ada).await];
    assert_eq!(open().await, 3.0);
    let first = sockets[2].send("a", "x");
    drop(first);
    sockets[0].send("a", "a secret thought").await;
    sockets[0].put(0x88, &[3, 232]).await;
    assert_eq!(sockets[0].closed().await.0, 1000);
    drop(sockets);
    eventually("all to be gone", async || (open().await == 0.0).then_some(())).await;
    let log = server.log();
    let ends: Vec<&Value> = log.iter().filter(|line| line.to_string().contains("a WebSocket ended")).collect();
    assert_eq!(ends.len(), 3, "{ends:?}");
    let user = ada.get("/api/v1/users/me").await.ok(200)["id"].as_str().unwrap().to_owned();
    assert_eq!(ends.iter().filter(|line| line.to_string().contains(&user)).count(), 2, "{ends:?}");
    let all = server.process.lines().join("\n");
    for secret in [ada.token(), "a secret thought"] {
        assert!(!all.contains(secret), "{secret} is in the log");
    }
}

async fn an_unavailable_database_is_no_bad_token(setup: Setup) {
    let (world, wire) = World::new(setup).await.wire_to_postgres().await;
    let (_world, _server, ada) = world.with_ada().await;
    let bearer = format!("Bearer {}", ada.token());
    let mut open = Socket::of(&ada).await;
    wire.cut();
    eventually("what is remembered of the session to be forgotten", async || {
        let refused = ask(&ada, &[("Authorization", &bearer)]).await.err()?;
        refused.problem(503, "database_unavailable");
        Some(())
    })
    .await;
    let mut socket = Socket::anonymous(&ada).await;
    socket.say(&json!({"type": "auth", "token": ada.token()})).await;
    assert_eq!(socket.closed().await.0, 1013);
    open.say(&json!({"type": "send", "id": "a", "content": "x"})).await;
    assert_eq!(open.expect("error").await["code"], "database_unavailable", "an open socket stays");
    wire.mend();
    eventually("the database to be back", async || ask(&ada, &[("Authorization", &bearer)]).await.ok()).await;
    open.say(&json!({"type": "ping"})).await;
    open.expect("pong").await;
}
