//! Idempotency keys: requests sent again give the same turn, and cost nothing more.

use futures_util::future::join_all;
use reqwest::Method;

use crate::harness::{
    Answer, Events, Gate, Person, Provider, Reply, Server, Setup, Socket, Told, Value, World, eventually, json,
    socket::spoken,
};

on_every_setup! {
    the_same_request_again_gives_the_same_turn
    a_running_turn_is_joined_from_its_first_event
    concurrent_retries_store_call_and_charge_once
    another_request_under_the_same_key_is_refused
    a_refused_request_leaves_its_key_free
    a_turn_that_failed_is_told_again_as_it_failed
    a_key_that_is_none_is_refused
    a_key_is_its_users_own
    a_key_is_free_again_after_a_day
    a_repeated_request_takes_nothing_from_the_limits
    a_socket_and_a_request_share_their_keys
}

on_redis! {
    retries_at_two_replicas_store_call_and_charge_once
    a_turn_of_the_other_replica_is_joined
}

const HELLO: &str = "say hello";

fn is_replayed(answer: &Answer) -> bool {
    answer.headers.get("idempotency-replayed").is_some_and(|value| value == "true")
}

async fn stream_as(person: &Person, key: &str, message: &Value) -> Events {
    let mut message = message.clone();
    message["stream"] = json!(true);
    let request = person.request(Method::POST, "/api/v1/messages").header("idempotency-key", key);
    Events::of(request.json(&message)).await
}

/// One question, one answer, one provider call, and the tokens of one.
async fn is_one_exchange(world: &World, provider: &Provider) {
    assert_eq!(provider.calls().len(), 1);
    let count = async |query| world.database.number(query).await;
    assert_eq!(count("select count(*) from conversations").await, 1);
    assert_eq!(count("select count(*) from turns").await, 1);
    assert_eq!(count("select count(*) from messages").await, 2);
    assert_eq!(count("select count(*) from attempts").await, 1);
    assert_eq!(count("select cast(sum(input_tokens + output_tokens) as bigint) from attempts").await, 18);
}

async fn the_same_request_again_gives_the_same_turn(setup: Setup) {
    let (world, provider, _server, ada) = World::new(setup).await.with_provider_and_ada().await;
    let asked = json!({"content": HELLO, "temperature": 0.5, "stop": ["x"]});
    let first = ada.send_as("order-7", &asked).await;
    let told = first.ok(201);
    assert!(!is_replayed(&first));
    for _ in 0..3 {
        let again = ada.send_as("order-7", &asked).await;
        assert_eq!(again.ok(201), told);
        assert!(is_replayed(&again));
    }
    let events = stream_as(&ada, "order-7", &asked).await;
    assert_eq!(events.header("idempotency-replayed"), Some("true"));
    let events = events.all().await;
    assert_eq!(events[0].data["turn_id"], told["turn"]["id"]);
    assert_eq!(events.last().unwrap().data["message"], told["assistant_message"]);
    is_one_exchange(&world, &provider).await;
    let other = ada.send_as("order-8", &asked).await;
    assert_ne!(other.ok(201)["turn"]["id"], told["turn"]["id"]);
}

async fn a_running_turn_is_joined_from_its_first_event(setup: Setup) {
    let (world, provider, _server, ada) = World::new(setup).await.with_provider_and_ada().await;
    let gate = Gate::closed();
    provider.next(Reply::text(["one "]).then_wait(&gate).then("two"));
    let asked = json!({"content": HELLO});
    let mut first = stream_as(&ada, "k", &asked).await;
    let turn = first.expect("turn").await;
    first.expect("delta").await;
    let second = stream_as(&ada, "k", &asked).await;
    assert_eq!(second.header("idempotency-replayed"), Some("true"));
    let waiting = tokio::spawn({
        let (ada, asked) = (ada.clone(), asked.clone());
        async move { ada.send_as("k", &asked).await }
    });
    eventually("three requests to be in work", async || {
        (world.database.number("select count(*) from turns").await == 1).then_some(())
    })
    .await;
    gate.open();
    let joined = Told::whole(&second.all().await);
    assert_eq!((joined.text.as_str(), &joined.turn), ("one two", &turn));
    let waited = waiting.await.unwrap();
    assert_eq!(waited.ok(201)["turn"]["id"], turn["turn_id"]);
    assert_eq!(waited.json()["assistant_message"]["content"], "one two");
    assert!(is_replayed(&waited));
    first.all().await;
    is_one_exchange(&world, &provider).await;
}

async fn concurrent_retries_store_call_and_charge_once(setup: Setup) {
    let (world, provider, server, ada) = World::new(setup).await.with_provider_and_ada().await;
    a_hundred_at_once(&world, &provider, &[&server], &ada).await;
}

async fn retries_at_two_replicas_store_call_and_charge_once(setup: Setup) {
    let (world, provider, server, ada) = World::new(setup).await.with_provider_and_ada().await;
    let other = world.serve().await;
    a_hundred_at_once(&world, &provider, &[&server, &other], &ada).await;
}

/// The default limits are far lower than a hundred.
async fn a_hundred_at_once(world: &World, provider: &Provider, servers: &[&Server], ada: &Person) {
    let asked = json!({"content": HELLO});
    let people: Vec<Person> = (0..100).map(|number| ada.at(servers[number % servers.len()])).collect();
    let answers = join_all(people.iter().map(|person| person.send_as("all", &asked))).await;
    let told = answers[0].ok(201);
    assert!(answers.iter().all(|answer| answer.ok(201) == told));
    assert_eq!(answers.iter().filter(|answer| !is_replayed(answer)).count(), 1);
    is_one_exchange(world, provider).await;
    let shown = world.cli(["ratelimit", "show", "ada", "-o", "plain"]).run().await;
    let day = shown.ended(0).lines().find(|line| line.starts_with("per-day")).unwrap().to_owned();
    assert_eq!(day.split('\t').nth(3), Some("1"), "{day}");
}

async fn another_request_under_the_same_key_is_refused(setup: Setup) {
    let (world, provider, _server, ada) = World::new(setup).await.with_provider_and_ada().await;
    let asked = json!({"content": HELLO});
    let told = ada.send_as("k", &asked).await.ok(201);
    let conversation = told["turn"]["conversation_id"].clone();
    for other in [
        json!({"content": "something else"}),
        json!({"content": HELLO, "temperature": 1.0}),
        json!({"content": HELLO, "conversation_id": conversation}),
        json!({"content": HELLO, "model": "claude"}),
    ] {
        let refused = ada.send_as("k", &other).await.problem(422, "idempotency_key_reused");
        assert!(refused["detail"].as_str().unwrap().contains("choose a new one"), "{refused}");
    }
    is_one_exchange(&world, &provider).await;
    assert_eq!(ada.send_as("k", &asked).await.ok(201), told);
}

async fn a_refused_request_leaves_its_key_free(setup: Setup) {
    let world = World::new(setup).await.limit("one", "turns", 1, "");
    let (_world, provider, _server, ada) = world.with_provider_and_ada().await;
    let nowhere = "018f0000-0000-7000-8000-000000000000";
    ada.send_as("k", &json!({"content": HELLO, "model": "nonsense"})).await.problem(422, "unknown_model");
    ada.send_as("k", &json!({"content": HELLO, "conversation_id": nowhere})).await.problem(404, "not_found");
    ada.send_as("k", &json!({"content": ""})).await.problem(422, "invalid_request");
    let gate = Gate::closed();
    provider.next(Reply::text(["slow"]).then_wait(&gate));
    let running = ada.stream(&json!({"content": "slowly"})).await;
    ada.send_as("k", &json!({"content": HELLO})).await.problem(429, "rate_limited");
    gate.open();
    running.all().await;
    let answer = ada.send_as("k", &json!({"content": "quite another"})).await;
    answer.ok(201);
    assert!(!is_replayed(&answer));
}

async fn a_turn_that_failed_is_told_again_as_it_failed(setup: Setup) {
    let (_world, provider, _server, ada) = World::new(setup).await.with_provider_and_ada().await;
    provider.next(Reply::status(401));
    let first = ada.send_as("k", &json!({"content": HELLO})).await.problem(502, "provider_auth");
    let again = ada.send_as("k", &json!({"content": HELLO})).await;
    assert!(is_replayed(&again));
    let again = again.problem(502, "provider_auth");
    for member in ["title", "detail", "turn_id"] {
        assert_eq!(again[member], first[member]);
    }
    assert_eq!(provider.calls().len(), 1, "a failure is not tried again under the same key");
}

async fn a_key_that_is_none_is_refused(setup: Setup) {
    let (world, _provider, _server, ada) = World::new(setup).await.with_provider_and_ada().await;
    let (longest, too_long) = ("k".repeat(255), "k".repeat(256));
    for key in ["", " ", "\t", "a\tb", "ключ", &too_long] {
        let request = ada.request(Method::POST, "/api/v1/messages").json(&json!({"content": HELLO}));
        let key = reqwest::header::HeaderValue::from_bytes(key.as_bytes()).unwrap();
        let refused = Answer::to(request.header("idempotency-key", key)).await.problem(422, "invalid_request");
        assert!(refused["errors"][0]["message"].as_str().unwrap().contains("255"), "{refused}");
    }
    let twice = ada.request(Method::POST, "/api/v1/messages").json(&json!({"content": HELLO}));
    let twice = twice.header("idempotency-key", "a").header("idempotency-key", "b");
    Answer::to(twice).await.problem(422, "invalid_request");
    assert_eq!(world.database.number("select count(*) from turns").await, 0);
    ada.send_as(&longest, &json!({"content": HELLO})).await.ok(201);
    assert!(is_replayed(&ada.send_as(&longest, &json!({"content": HELLO})).await));
}

async fn a_key_is_its_users_own(setup: Setup) {
    let (_world, _provider, server, ada) = World::new(setup).await.with_provider_and_ada().await;
    let bob = server.person("bob").await;
    let adas = ada.send_as("k", &json!({"content": "ada's"})).await.ok(201);
    let bobs = bob.send_as("k", &json!({"content": "bob's"})).await.ok(201);
    assert_ne!(adas["turn"]["id"], bobs["turn"]["id"]);
    assert_eq!(bobs["assistant_message"]["content"], "bob's");
}

async fn a_key_is_free_again_after_a_day(setup: Setup) {
    let (world, _provider, _server, ada) = World::new(setup).await.with_provider_and_ada().await;
    let first = ada.send_as("k", &json!({"content": HELLO})).await.ok(201);
    let conversation = &first["turn"]["conversation_id"];
    let in_it = json!({"content": HELLO, "conversation_id": conversation});
    world.database.execute("update turns set created_at = '2020-01-01 00:00:00+00:00'").await;
    let second = ada.send_as("k", &in_it).await;
    assert!(!is_replayed(&second));
    assert_ne!(second.ok(201)["turn"]["id"], first["turn"]["id"]);
    world.database.execute("update turns set created_at = '2020-01-01 00:00:00+00:00'").await;
    let third = ada.send_as("k", &json!({"content": "anew"})).await;
    assert!(!is_replayed(&third));
    third.ok(201);
    let kept = world.database.number("select count(*) from turns where idempotency_key is not null").await;
    assert_eq!(kept, 1, "the old keys are gone, the turns are not");
    assert_eq!(ada.turn(&first["turn"]["id"]).await["state"], "completed");
}

async fn a_repeated_request_takes_nothing_from_the_limits(setup: Setup) {
    let world = World::new(setup).await.limit("daily", "messages", 2, "24h");
    let (_world, _provider, _server, ada) = world.with_provider_and_ada().await;
    let asked = json!({"content": HELLO});
    let told = ada.send_as("k", &asked).await.ok(201);
    for _ in 0..5 {
        assert_eq!(ada.send_as("k", &asked).await.ok(201), told);
    }
    ada.say("the second").await;
    ada.send(&asked).await.problem(429, "rate_limited");
    assert_eq!(ada.send_as("k", &asked).await.ok(201), told, "nor does it need any");
    ada.send_as("k", &json!({"content": "other"})).await.problem(422, "idempotency_key_reused");
}

async fn a_socket_and_a_request_share_their_keys(setup: Setup) {
    let (world, provider, _server, ada) = World::new(setup).await.with_provider_and_ada().await;
    let told = ada.send_as("k", &json!({"content": HELLO})).await.ok(201);
    let mut socket = Socket::of(&ada).await;
    socket.say(&json!({"type": "send", "id": "a", "content": HELLO, "idempotency_key": "k"})).await;
    let frames = socket.all_of("a").await;
    assert_eq!(frames[0]["turn_id"], told["turn"]["id"]);
    assert_eq!(spoken(&frames), HELLO);
    for (key, code) in [("k", "idempotency_key_reused"), ("", "invalid_request"), ("\u{7}", "invalid_request")] {
        socket.say(&json!({"type": "send", "id": "b", "content": "other", "idempotency_key": key})).await;
        assert_eq!(socket.expect("error").await["code"], code);
    }
    is_one_exchange(&world, &provider).await;
}

async fn a_turn_of_the_other_replica_is_joined(setup: Setup) {
    let (world, provider, server, ada) = World::new(setup).await.with_provider_and_ada().await;
    let other = world.serve().await;
    let there = ada.at(&other);
    let gate = Gate::closed();
    provider.next(Reply::text(["one "]).then_wait(&gate).then("two"));
    let asked = json!({"content": HELLO});
    let mut first = stream_as(&ada, "k", &asked).await;
    first.expect("turn").await;
    let joined = stream_as(&there, "k", &asked).await;
    let waiting = tokio::spawn(async move { there.send_as("k", &asked).await });
    gate.open();
    let rest = first.all().await;
    let last = &joined.all().await.pop().unwrap().data;
    assert_eq!(*last, rest.last().unwrap().data);
    assert_eq!(waiting.await.unwrap().ok(201)["assistant_message"], last["message"]);
    is_one_exchange(&world, &provider).await;
    assert_eq!(server.metric("mcpchat_turns_total", &["completed"]).await, 1.0);
}
