//! A turn while it runs: it belongs to the service, not to the connection that started it.

use std::time::Duration;

use crate::harness::{Gate, Person, Provider, Reply, Setup, Told, Value, World, eventually, json, within};

on_every_setup! {
    a_client_that_leaves_still_gets_its_turn_stored
    a_conversation_runs_one_turn_at_a_time
    a_running_turn_is_listed_and_gone_after
    a_message_is_stored_before_the_provider_answers
    another_user_does_not_see_a_running_turn
    a_killed_owners_turn_ends_freeing_its_conversation
}

on_database_servers! {
    five_hundred_slow_streams_run_on_five_connections
    a_turn_ended_in_a_database_outage_is_stored_after
}

on_redis! { every_replica_lists_a_running_turn }

/// Starts a turn whose reply waits at the gate after its first word; gives its `turn` event's data.
async fn held(ada: &Person, provider: &Provider, gate: &Gate) -> (crate::harness::Events, Value) {
    provider.next(Reply::text(["first "]).then_wait(gate).then("last"));
    let mut events = ada.stream(&json!({"content": "slowly"})).await;
    let turn = events.expect("turn").await;
    assert_eq!(events.expect("delta").await["text"], "first ");
    (events, turn)
}

async fn finished(ada: &Person, turn: &Value) -> Value {
    eventually("the turn to end", async || {
        let turn = ada.turn(turn).await;
        (turn["state"] != "running").then_some(turn)
    })
    .await
}

async fn running(person: &Person) -> Vec<Value> {
    let list = person.get("/api/v1/turns").await.ok(200);
    assert_eq!(list["next_cursor"], Value::Null);
    list["items"].as_array().unwrap().clone()
}

async fn a_client_that_leaves_still_gets_its_turn_stored(setup: Setup) {
    let (_world, provider, _server, ada) = World::new(setup).await.with_provider_and_ada().await;
    let gate = Gate::closed();
    let (events, turn) = held(&ada, &provider, &gate).await;
    drop(events);
    // The server has answered a request since, so it has had its chance to notice.
    assert_eq!(ada.turn(&turn["turn_id"]).await["state"], "running");
    gate.open();
    let end = finished(&ada, &turn["turn_id"]).await;
    assert_eq!(end["state"], "completed", "{end}");
    assert_eq!(ada.history(&turn["conversation_id"]).await, ["user: slowly", "assistant: first last"]);
    assert!(!provider.last_call().dropped, "the provider was let finish");
}

async fn a_conversation_runs_one_turn_at_a_time(setup: Setup) {
    let (_world, provider, _server, ada) = World::new(setup).await.with_provider_and_ada().await;
    let gate = Gate::closed();
    let (events, turn) = held(&ada, &provider, &gate).await;
    let again = json!({"content": "and?", "conversation_id": turn["conversation_id"]});
    ada.send(&again).await.problem(409, "turn_in_progress");
    let elsewhere = ada.say("another conversation is free").await;
    assert_eq!(elsewhere["turn"]["state"], "completed");
    gate.open();
    events.all().await;
    ada.send(&again).await.ok(201);
    let history = ada.history(&turn["conversation_id"]).await;
    assert_eq!(history, ["user: slowly", "assistant: first last", "user: and?", "assistant: and?"]);
}

async fn a_running_turn_is_listed_and_gone_after(setup: Setup) {
    let (_world, provider, _server, ada) = World::new(setup).await.with_provider_and_ada().await;
    assert!(running(&ada).await.is_empty());
    let gate = Gate::closed();
    let (events, turn) = held(&ada, &provider, &gate).await;
    let list = running(&ada).await;
    assert_eq!(list.len(), 1);
    assert_eq!((&list[0]["id"], &list[0]["state"]), (&turn["turn_id"], &json!("running")));
    assert_eq!(list[0]["conversation_id"], turn["conversation_id"]);
    gate.open();
    events.all().await;
    eventually("the list to be empty", async || running(&ada).await.is_empty().then_some(())).await;
}

async fn a_message_is_stored_before_the_provider_answers(setup: Setup) {
    let (_world, provider, _server, ada) = World::new(setup).await.with_provider_and_ada().await;
    let gate = Gate::closed();
    let (events, turn) = held(&ada, &provider, &gate).await;
    assert_eq!(ada.history(&turn["conversation_id"]).await[0], "user: slowly");
    gate.open();
    events.all().await;
}

async fn another_user_does_not_see_a_running_turn(setup: Setup) {
    let (_world, provider, server, ada) = World::new(setup).await.with_provider_and_ada().await;
    let bob = server.person("bob").await;
    let gate = Gate::closed();
    let (events, turn) = held(&ada, &provider, &gate).await;
    assert!(running(&bob).await.is_empty());
    bob.get(&format!("/api/v1/turns/{}", turn["turn_id"].as_str().unwrap())).await.any_problem(404);
    gate.open();
    events.all().await;
}

async fn every_replica_lists_a_running_turn(setup: Setup) {
    let (world, provider, _server, ada) = World::new(setup).await.with_provider_and_ada().await;
    let other = world.serve().await;
    let there = ada.at(&other);
    let gate = Gate::closed();
    let (events, turn) = held(&ada, &provider, &gate).await;
    assert_eq!(running(&there).await[0]["id"], turn["turn_id"]);
    let again = json!({"content": "and?", "conversation_id": turn["conversation_id"]});
    there.send(&again).await.problem(409, "turn_in_progress");
    gate.open();
    events.all().await;
    eventually("the list to be empty", async || running(&there).await.is_empty().then_some(())).await;
    assert_eq!(there.turn(&turn["turn_id"]).await["state"], "completed");
}

async fn five_hundred_slow_streams_run_on_five_connections(setup: Setup) {
    const STREAMS: usize = 500;
    let world = World::new(setup).await.set("database.max_connections", 5).without_limits();
    let (_world, provider, _server, ada) = world.with_provider_and_ada().await;
    let gate = Gate::closed();
    provider.always(Reply::text(["first "]).then_wait(&gate).then("last"));
    let streams = (0..STREAMS).map(|number| {
        let ada = ada.clone();
        tokio::spawn(async move {
            let mut events = ada.stream(&json!({"content": format!("question {number}")})).await;
            let mut seen = vec![events.next().await.unwrap(), events.next().await.unwrap()];
            seen.extend(events.all().await);
            Told::whole(&seen).text
        })
    });
    let streams: Vec<_> = streams.collect();
    // A busy machine may take its time for so many, as long as it goes on.
    let mut open = 0;
    while open < STREAMS {
        let more = async || Some(provider.call_count()).filter(|count| *count > open);
        open = within(Duration::from_secs(60), &format!("more than {open} streams to be open"), more).await;
    }
    assert!(provider.calls().iter().all(|call| !call.finished), "all are held open at once");
    // With every stream open the database is still free for others.
    ada.get("/api/v1/conversations").await.ok(200);
    gate.open();
    for stream in streams {
        assert_eq!(stream.await.unwrap(), "first last");
    }
}

async fn a_killed_owners_turn_ends_freeing_its_conversation(setup: Setup) {
    let (world, provider, server, ada) = World::new(setup).await.with_provider_and_ada().await;
    let gate = Gate::closed();
    let (_events, turn) = held(&ada, &provider, &gate).await;
    server.process.signal("KILL");
    // Its lease would run out in half a minute.
    let aged = "update turns set lease_until = '2000-01-01T00:00:00+00:00' where state = 'running'";
    assert_eq!(world.database.execute(aged).await, 1);
    let successor = world.serve().await;
    let ada = ada.at(&successor);
    let end = finished(&ada, &turn["turn_id"]).await;
    assert_eq!((&end["state"], &end["error"]["code"]), (&json!("interrupted"), &json!("interrupted")), "{end}");
    assert_eq!(ada.history(&turn["conversation_id"]).await, ["user: slowly"], "the message is not lost");
    provider.next(Reply::text(["again"]));
    ada.say_in(&turn["conversation_id"], "once more").await;
    assert_eq!(world.database.number("select count(*) from attempts where finished_at is null").await, 0);
}

async fn a_turn_ended_in_a_database_outage_is_stored_after(setup: Setup) {
    let provider = Provider::start().await;
    let (world, wire) = World::new(setup).await.provider(&provider).wire_to_postgres().await;
    let (world, server, ada) = world.with_ada().await;
    let gate = Gate::closed();
    let (mut events, turn) = held(&ada, &provider, &gate).await;
    wire.cut();
    gate.open();
    assert_eq!(events.expect("delta").await["text"], "last");
    // As after an outage longer than the lease: the turn still has its owner.
    let aged = "update turns set lease_until = '2000-01-01T00:00:00+00:00' where state = 'running'";
    assert_eq!(world.database.execute(aged).await, 1);
    eventually("the outage to be seen", async || (server.stranger().get("/readyz").await.status == 503).then_some(()))
        .await;
    wire.mend();
    assert_eq!(events.expect("done").await["message"]["content"], "first last");
    assert_eq!(ada.history(&turn["conversation_id"]).await, ["user: slowly", "assistant: first last"]);
    assert_eq!(world.database.number("select count(*) from messages").await, 2);
}
