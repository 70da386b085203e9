//! The turns of all users as administrators see them, over HTTP and at the shell: user, state and duration, never text.

use crate::harness::{Gate, Person, Reply, Setup, Value, World, json};

on_every_setup! {
    all_turns_are_listed_newest_first_without_text
    a_list_of_turns_is_read_page_by_page
    a_running_turn_is_cancelled_from_the_shell
}

async fn listed(root: &Person, query: &str) -> Vec<Value> {
    let list = root.get(&format!("/api/v1/admin/turns{query}")).await.ok(200);
    list["items"].as_array().unwrap().clone()
}

fn column(turns: &[Value], name: &str) -> Vec<String> {
    turns.iter().map(|turn| turn[name].as_str().unwrap().to_owned()).collect()
}

/// The lease of what runs is renewed between any two readings.
fn without_leases(turns: &Value) -> Vec<Value> {
    let mut turns = turns.as_array().unwrap().clone();
    for turn in &mut turns {
        turn.as_object_mut().unwrap().remove("lease_until").unwrap();
    }
    turns
}

async fn all_turns_are_listed_newest_first_without_text(setup: Setup) {
    let (world, provider) = World::new(setup).await.without_limits().with_provider().await;
    let (world, server, root) = world.with_root().await;
    let (ada, eve) = (server.person("ada").await, server.person("eve").await);
    let done = ada.say("the secret is xyzzy").await;
    let complaint = Reply::raw("application/json", r#"{"error":{"message":"xyzzy is not nice","type":"no"}}"#);
    provider.next(Reply { status: 400, ..complaint });
    assert_eq!(eve.send(&json!({"content": "xyzzy?"})).await.status, 502);
    let gate = Gate::closed();
    provider.next(Reply::text(["xyzzy "]).then_wait(&gate).then("last"));
    let mut events = eve.stream(&json!({"content": "say xyzzy"})).await;
    let running = events.expect("turn").await;
    events.expect("delta").await;

    let all = listed(&root, "").await;
    assert_eq!(column(&all, "username"), ["eve", "eve", "ada"]);
    assert_eq!(column(&all, "state"), ["running", "failed", "completed"]);
    assert_eq!(all[0]["id"], running["turn_id"]);
    assert_eq!(all[2]["id"], done["turn"]["id"]);
    assert_eq!(all[2]["usage"], done["turn"]["usage"]);
    for (state, count) in [("running", 1), ("failed", 1), ("completed", 1), ("cancelled", 0), ("interrupted", 0)] {
        let some = listed(&root, &format!("?state={state}")).await;
        assert_eq!(some.len(), count, "{state}");
        let printed = world.cli(["turn", "list", "--state", state, "--json"]).run().await.json();
        assert_eq!(without_leases(&printed), without_leases(&json!(some)), "{state}");
    }
    let shown = world.cli(["turn", "show", all[1]["id"].as_str().unwrap(), "--json"]).run().await.json();
    assert_eq!(shown, all[1]);
    for format in ["table", "plain"] {
        let list = world.cli(["turn", "list", "-o", format]).run().await;
        assert_eq!(list.ended(0).matches("eve").count(), 2, "{list:#?}");
        assert!(!list.stdout.contains("xyzzy"), "{list:#?}");
        let show = world.cli(["turn", "show", all[0]["id"].as_str().unwrap(), "-o", format]).run().await;
        assert!(show.ended(0).contains("running") && !show.stdout.contains("xyzzy"), "{show:#?}");
    }
    assert!(!json!(all).to_string().contains("xyzzy"), "{all:#?}");
    gate.open();
    events.all().await;

    let missing = "018f0000-0000-7000-8000-000000000000";
    world.cli(["turn", "show", missing, "--json"]).run().await.problem(3);
    world.cli(["turn", "show", "nonsense"]).run().await.ended(2);
    world.cli(["turn", "list", "--state", "lost"]).run().await.ended(2);
    root.get("/api/v1/admin/turns?state=lost").await.problem(422, "invalid_request");
    root.get("/api/v1/admin/turns?cursor=nonsense").await.problem(422, "invalid_request");
}

async fn a_list_of_turns_is_read_page_by_page(setup: Setup) {
    let (world, _provider) = World::new(setup).await.without_limits().with_provider().await;
    let (world, server, root) = world.with_root().await;
    let ada = server.person("ada").await;
    let mut said = Vec::new();
    for number in 0..5 {
        said.insert(0, ada.say(&format!("number {number}")).await["turn"]["id"].clone());
    }
    let (mut seen, mut path) = (Vec::new(), "/api/v1/admin/turns?state=completed&limit=2".to_owned());
    loop {
        let page = root.get(&path).await.ok(200);
        seen.extend(page["items"].as_array().unwrap().iter().map(|turn| turn["id"].clone()));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        path = format!("/api/v1/admin/turns?state=completed&limit=2&cursor={cursor}");
    }
    assert_eq!(seen, said);
    let three = world.cli(["turn", "list", "-n", "3", "--json"]).run().await.json();
    assert_eq!(
        three.as_array().unwrap().iter().map(|turn| &turn["id"]).collect::<Vec<_>>(),
        [&said[0], &said[1], &said[2]]
    );
}

async fn a_running_turn_is_cancelled_from_the_shell(setup: Setup) {
    let (world, provider) = World::new(setup).await.without_limits().with_provider().await;
    let (world, server, _root) = world.with_root().await;
    let eve = server.person("eve").await;
    provider.next(Reply::text(["first "]).then_wait(&Gate::closed()).then("never"));
    let mut events = eve.stream(&json!({"content": "slowly"})).await;
    let turn = events.expect("turn").await;
    events.expect("delta").await;
    let id = turn["turn_id"].as_str().unwrap();
    let unasked = world.cli(["turn", "cancel", id]).run().await;
    assert!(unasked.ended(2).is_empty() && unasked.stderr.contains("--yes"), "{unasked:?}");
    let rehearsed = world.cli(["turn", "cancel", id, "--dry-run", "--json"]).run().await.json();
    assert_eq!(rehearsed["audit"][0]["action"], "turn.cancel", "{rehearsed}");
    assert_eq!(eve.turn(&turn["turn_id"]).await["state"], "running");
    let cancelled = world.cli(["turn", "cancel", id, "--yes", "--reason", "too long", "--json"]).run().await.json();
    assert_eq!((&cancelled["state"], &cancelled["username"]), (&json!("cancelled"), &json!("eve")));
    assert_eq!(events.expect("done").await["message"]["content"], "first ");
    let again = world.cli(["turn", "cancel", id, "--yes"]).run().await;
    assert!(again.ended(0).contains("cancelled") && again.stderr.contains("already"), "{again:?}");
    let rows = world.cli(["audit", "tail", "--action", "turn", "-o", "ndjson"]).run().await;
    let rows: Vec<Value> = rows.ended(0).lines().map(|row| serde_json::from_str(row).unwrap()).collect();
    assert_eq!(rows.len(), 1, "{rows:#?}");
    assert_eq!((&rows[0]["reason"], &rows[0]["target"]), (&json!("too long"), &json!(format!("turn:{id}"))));
    world.cli(["turn", "cancel", "018f0000-0000-7000-8000-000000000000", "--yes", "--json"]).run().await.problem(3);
}
