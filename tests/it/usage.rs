//! Usage of turns: it stays counted, whatever becomes of the account, the conversation and the turn; and what an
//! account that is shut out still runs ends.

use reqwest::Method;

use crate::{
    audit::exported,
    harness::{Answer, Gate, Provider, Reply, Setup, Value, World, eventually, json},
    keys::{make, with},
};

on_every_setup! {
    usage_outlives_conversation_and_account
    a_turn_of_a_deleted_account_is_charged
    disabling_an_account_cancels_its_turns
}

const SUM: &str = "select cast(coalesce(sum(input_tokens + output_tokens), 0) as bigint) from attempts";

async fn usage_outlives_conversation_and_account(setup: Setup) {
    let by_address = "name = 'of-address'\nper = 'address'\ncount = 'tokens'\nmax = 1000000\nwindow = 'day'";
    let (world, server, root) = World::new(setup).await.add("limits", by_address).with_root().await;
    let ada = server.person("ada").await;
    let key = make(&ada, &["chat"]).await;
    let answer: Value = with(&ada, &key).send(&json!({"content": "one two three"})).await.ok(201);
    ada.send(&json!({"content": "four five"})).await.ok(201);
    let used = world.database.number(SUM).await;
    let metrics = async || root.get("/api/v1/admin/metrics").await.ok(200);
    assert!(used > 0 && metrics().await["tokens_today"] == used);
    let conversation = answer["turn"]["conversation_id"].as_str().unwrap();
    ada.delete(&format!("/api/v1/conversations/{conversation}")).await.ok(204);
    assert_eq!(metrics().await["tokens_today"], used, "a conversation is deleted");
    world.cli(["user", "delete", "ada", "--yes"]).run().await.ended(0);
    eventually("the account's turns to be gone", async || {
        (world.database.number("select count(*) from turns").await == 0).then_some(())
    })
    .await;
    assert_eq!(world.database.number(SUM).await, used);
    assert_eq!(metrics().await["tokens_today"], used, "the account is deleted");
    let counted = "select count(*) from attempts where user_id is not null and address is not null";
    assert_eq!(world.database.number(counted).await, 2, "limits can count it again");
    assert_eq!(world.database.number("select count(*) from attempts where key_id is not null").await, 1);
}

async fn a_turn_of_a_deleted_account_is_charged(setup: Setup) {
    let (provider, gate) = (Provider::start().await, Gate::closed());
    let (world, server, _root) = World::new(setup).await.provider(&provider).with_root().await;
    let ada = server.person("ada").await;
    provider.next(Reply::text(["some words that cost"]).then_wait(&gate).then(" last"));
    let mut events = ada.stream(&json!({"content": "x"})).await;
    events.expect("turn").await;
    events.expect("delta").await;
    world.cli(["user", "delete", "ada", "--yes"]).run().await.ended(0);
    eventually("its turn to be charged", async || (world.database.number(SUM).await > 0).then_some(())).await;
    assert_eq!(world.database.number("select count(*) from attempts where finished_at is null").await, 0);
}

async fn disabling_an_account_cancels_its_turns(setup: Setup) {
    let (provider, gate) = (Provider::start().await, Gate::closed());
    let (world, server, root) = World::new(setup).await.provider(&provider).with_root().await;
    let bob = server.person("bob").await;
    provider.always(Reply::text(["first"]).then_wait(&gate).then(" last"));
    let bobs = bob.stream(&json!({"content": "x"})).await;
    for (name, at_the_shell) in [("ada", true), ("dora", false)] {
        let person = server.person(name).await;
        for _ in 0..2 {
            let mut events = person.stream(&json!({"content": "x"})).await;
            events.expect("turn").await;
            events.expect("delta").await;
        }
        if at_the_shell {
            let said = world.cli(["user", "disable", name, "--yes"]).run().await;
            said.ended(0);
            assert!(said.stderr.contains("2 running turns are being cancelled"), "{said:?}");
        } else {
            let path = format!("/api/v1/admin/users/{name}/disable");
            Answer::to(root.request(Method::POST, &path)).await.ok(200);
        }
        let rows = exported(&world).await;
        let row = rows.iter().rfind(|row| row["action"] == "user.disable").unwrap();
        assert_eq!(row["after"], json!({"enabled": false, "cancelled_turns": 2}));
    }
    let ended = "select count(*) from turns where state = 'cancelled'";
    eventually("their four turns to end", async || (world.database.number(ended).await == 4).then_some(())).await;
    let kept = "select count(*) from messages m join turns t on t.id = m.turn_id \
                where t.state = 'cancelled' and m.role = 'assistant' and m.state = 'partial'";
    assert_eq!(world.database.number(kept).await, 4, "what had come is kept");
    gate.open();
    assert_eq!(bobs.all().await.last().unwrap().name, "done", "another's goes on");
}
