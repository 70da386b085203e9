//! Cancelling a turn from elsewhere: another replica, another process at the same database, an administrator.

use std::time::Duration;

use crate::harness::{Gate, Provider, Reply, Setup, Socket, Value, World, json, within};

on_every_setup! {
    a_turn_is_cancelled_from_another_process
    another_process_cancels_before_the_first_word
    an_admin_may_cancel_any_turn_and_it_is_audited
}

fn path(turn: &Value) -> String {
    format!("/api/v1/turns/{}", turn.as_str().unwrap())
}

/// Within the second that is promised.
async fn provider_is_let_go(provider: &Provider) {
    let dropped = async || provider.last_call().dropped.then_some(());
    within(Duration::from_secs(1), "the provider to be let go", dropped).await;
}

async fn a_turn_is_cancelled_from_another_process(setup: Setup) {
    let (world, provider, server, ada) = World::new(setup).await.with_provider_and_ada().await;
    let other = world.another_replica().await;
    let there = ada.at(other.as_ref().unwrap_or(&server));
    let mut socket = Socket::of(&there).await;
    for by_socket in [false, true] {
        provider.next(Reply::text(["first "]).then_wait(&Gate::closed()).then("never"));
        let mut events = ada.stream(&json!({"content": "x"})).await;
        let turn = events.expect("turn").await;
        events.expect("delta").await;
        if by_socket {
            socket.say(&json!({"type": "cancel", "id": "c", "turn_id": turn["turn_id"]})).await;
        } else {
            assert_eq!(there.delete(&path(&turn["turn_id"])).await.ok(202)["state"], "running");
        }
        provider_is_let_go(&provider).await;
        let done = events.expect("done").await;
        assert_eq!((&done["turn"]["state"], &done["message"]["content"]), (&json!("cancelled"), &json!("first ")));
        assert_eq!(done["usage"]["source"], "partial");
        assert_eq!(there.turn(&turn["turn_id"]).await, done["turn"]);
        assert_eq!(there.delete(&path(&turn["turn_id"])).await.ok(202), done["turn"], "once more changes nothing");
        assert_eq!(there.history(&turn["conversation_id"]).await, ["user: x", "assistant: first "]);
    }
}

async fn another_process_cancels_before_the_first_word(setup: Setup) {
    let (world, provider, _server, ada) = World::new(setup).await.with_provider_and_ada().await;
    let other = world.another_replica().await;
    provider.next(Reply::text([]).then_wait(&Gate::closed()).then("never"));
    let mut events = ada.stream(&json!({"content": "x"})).await;
    let turn = events.expect("turn").await;
    provider.called(1).await;
    match &other {
        Some(other) => drop(ada.at(other).delete(&path(&turn["turn_id"])).await.ok(202)),
        None => drop(world.cli(["turn", "cancel", turn["turn_id"].as_str().unwrap(), "--yes"]).run().await),
    }
    provider_is_let_go(&provider).await;
    assert_eq!(events.expect("done").await["turn"]["state"], "cancelled");
    assert_eq!(ada.history(&turn["conversation_id"]).await, ["user: x"]);
    provider.next(Reply::text(["free"]));
    ada.say_in(&turn["conversation_id"], "the conversation is free").await;
}

async fn an_admin_may_cancel_any_turn_and_it_is_audited(setup: Setup) {
    let (world, provider, server, ada) = World::new(setup).await.with_provider_and_ada().await;
    let (root, eve) = (server.admin("root").await, server.person("eve").await);
    provider.next(Reply::text(["first "]).then_wait(&Gate::closed()).then("never"));
    let mut events = ada.stream(&json!({"content": "x"})).await;
    let turn = events.expect("turn").await["turn_id"].clone();
    events.expect("delta").await;
    eve.delete(&path(&turn)).await.problem(404, "not_found");
    root.delete(&path(&turn)).await.ok(202);
    provider_is_let_go(&provider).await;
    assert_eq!(events.expect("done").await["turn"]["state"], "cancelled");
    assert_eq!(root.delete(&path(&turn)).await.ok(202)["state"], "cancelled");
    let rows = world.cli(["audit", "tail", "--json"]).run().await;
    let rows = rows.ended(0).lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let rows: Vec<Value> = rows.filter(|row| row["action"] == "turn.cancel").collect();
    assert_eq!(rows.len(), 1, "the second time nothing was done: {rows:#?}");
    assert_eq!((&rows[0]["actor"], &rows[0]["outcome"]), (&json!("user:root"), &json!("ok")));
    assert_eq!(rows[0]["target"], format!("turn:{}", turn.as_str().unwrap()));
}
