//! Takeover of a turn whose owner is gone, or was silent for too long: another replica ends it, once, with all that was
//! published of it; an owner that comes back too late changes nothing.

use crate::harness::{Gate, PASSWORD, Person, Provider, Reply, Setup, Value, World, eventually, json, told, within};

on_every_setup! {
    what_was_written_down_outlives_its_process
    a_reservation_outlives_its_process_and_is_settled
}

on_database_servers! { a_turn_that_was_stored_unheard_is_charged_once }

on_redis! {
    a_dead_owners_kept_text_reaches_readers_elsewhere
    an_owner_that_comes_back_too_late_cannot_write
    a_late_provider_failure_reports_what_is_stored
    what_a_redis_outage_left_unsettled_is_settled
}

/// The lease runs out half a minute after an owner was heard of last. Here it has done so.
const AGE: &str = "update turns set lease_until = '2000-01-01T00:00:00+00:00' where state = 'running'";

async fn world(setup: Setup, provider: &Provider) -> World {
    World::new(setup).await.provider(provider).limit("at-once", "turns", 1, "")
}

async fn ended(person: &Person, turn: &Value) -> Value {
    eventually("the turn to end", async || {
        let turn = person.turn(turn).await;
        (turn["state"] != "running").then_some(turn)
    })
    .await
}

async fn a_dead_owners_kept_text_reaches_readers_elsewhere(setup: Setup) {
    let provider = Provider::start().await;
    let world = world(setup, &provider).await;
    let (owner, other) = (world.serve().await, world.serve().await);
    let ada = owner.person("ada").await;
    let there = ada.at(&other);
    let gate = Gate::closed();
    provider.next(Reply::text(["one ", "two "]).then_wait(&gate).then("three ✓").then_wait(&Gate::closed()));
    let mut stream = ada.stream(&json!({"content": "12345678", "system_prompt": "1234"})).await;
    let turn = stream.expect("turn").await;
    let mut reader = there.follow(&turn["turn_id"], 0).await;
    let mut events = Vec::new();
    gate.open();
    while told(&events) != "one two three ✓" {
        events.push(reader.next().await.unwrap());
    }
    owner.process.signal("KILL");
    assert_eq!(world.database.execute(AGE).await, 1);
    let rest = within(std::time::Duration::from_secs(6), "the end", async || reader.next().await).await;
    assert_eq!((rest.name.as_str(), &rest.data["code"]), ("error", &json!("interrupted")));
    assert_eq!(rest.id, events.len() as u64 + 1, "without a gap");
    let end = there.turn(&turn["turn_id"]).await;
    assert_eq!((&end["state"], &end["usage"]["source"]), (&json!("interrupted"), &json!("partial")), "{end}");
    assert_eq!((&end["usage"]["input_tokens"], &end["usage"]["output_tokens"]), (&json!(3), &json!(5)));
    assert!(end["usage"]["cost_usd"].as_f64().unwrap() > 0.0);
    assert_eq!(there.history(&turn["conversation_id"]).await, ["user: 12345678", "assistant: one two three ✓"]);
    // A reader that had seen more than was kept is set right.
    let beyond = there.follow(&turn["turn_id"], 40).await.all().await;
    assert_eq!(beyond[0].name, "snapshot");
    assert_eq!((&beyond[0].data["text"], beyond[1].name.as_str()), (&json!("one two three ✓"), "error"));
    // Its conversation is free, and so is the only place among the turns at once.
    provider.next(Reply::text(["again"]));
    there.say_in(&turn["conversation_id"], "once more").await;
    assert!(there.get("/api/v1/turns").await.ok(200)["items"].as_array().unwrap().is_empty());
    assert_eq!(world.database.number("select count(*) from attempts where finished_at is null").await, 0);
}

async fn what_was_written_down_outlives_its_process(setup: Setup) {
    let provider = Provider::start().await;
    let (world, server, ada) = world(setup, &provider).await.with_ada().await;
    let long = "long ".repeat(1000);
    provider.next(Reply::text([long.as_str()]).then_wait(&Gate::closed()));
    let mut stream = ada.stream(&json!({"content": "x"})).await;
    let turn = stream.expect("turn").await;
    let written = "select count(*) from turns where draft is not null";
    eventually("a draft", async || (world.database.number(written).await == 1).then_some(())).await;
    server.process.signal("KILL");
    assert_eq!(world.database.execute(AGE).await, 1);
    let (one, two) = (world.serve().await, world.another_replica().await);
    let ada = ada.at(&one);
    let end = ended(&ada, &turn["turn_id"]).await;
    assert_eq!((&end["state"], &end["usage"]["source"]), (&json!("interrupted"), &json!("partial")));
    let history = ada.history(&turn["conversation_id"]).await;
    assert_eq!(history, ["user: x".to_owned(), format!("assistant: {long}")]);
    let message = ada.get(&format!("/api/v1/messages/{}", turn["assistant_message_id"].as_str().unwrap())).await;
    assert_eq!(message.ok(200)["state"], "partial");
    // All looked for it; one has ended it.
    let mut counted = 0.0;
    for server in std::iter::once(&one).chain(&two) {
        counted += server.metric("mcpchat_turns_total", &["interrupted"]).await;
    }
    assert_eq!(counted, 1.0);
    assert_eq!(world.database.number("select count(*) from attempts where usage_source = 'partial'").await, 1);
}

async fn an_owner_that_comes_back_too_late_cannot_write(setup: Setup) {
    let provider = Provider::start().await;
    let world = world(setup, &provider).await;
    let (owner, other) = (world.serve().await, world.serve().await);
    let ada = owner.person("ada").await;
    let there = ada.at(&other);
    let gate = Gate::closed();
    provider.next(Reply::text(["kept "]).then_wait(&gate).then("said too late").then_wait(&Gate::closed()));
    let mut stream = ada.stream(&json!({"content": "x"})).await;
    let turn = stream.expect("turn").await;
    stream.expect("delta").await;
    let key = format!("{{mcpchat}}:turn:{}", turn["turn_id"].as_str().unwrap());
    eventually("the stream in Redis", async || world.redis().keys().await.contains(&key).then_some(())).await;
    owner.process.signal("STOP");
    assert_eq!(world.database.execute(AGE).await, 1);
    let end = ended(&there, &turn["turn_id"]).await;
    assert_eq!(end["state"], "interrupted");
    gate.open();
    owner.process.signal("CONT");
    // It comes to know that the turn is not its own, and lets the provider go.
    eventually("the provider to be let go", async || provider.last_call().dropped.then_some(())).await;
    let last = stream.all().await;
    assert_eq!(last.last().unwrap().data["code"], "interrupted");
    let corrected = last.iter().rev().find(|event| event.name == "snapshot").map(|event| event.data["text"].clone());
    let shown = corrected.unwrap_or_else(|| json!(format!("kept {}", told(&last))));
    assert_eq!(shown, "kept ", "what a client of its puts together is what is stored");
    assert_eq!(there.turn(&turn["turn_id"]).await, end, "nothing has changed");
    assert_eq!(there.history(&turn["conversation_id"]).await, ["user: x", "assistant: kept "]);
    assert_eq!(world.database.number("select count(*) from attempts").await, 1);
    // And the owner goes on as before.
    provider.next(Reply::text(["again"]));
    ada.say_in(&turn["conversation_id"], "once more").await;
}

/// The database takes longer than it is waited for: the sender is told so, and the turn is stored all the same.
async fn a_turn_that_was_stored_unheard_is_charged_once(setup: Setup) {
    let world = World::new(setup).await.limit("per-day", "tokens", 1000, "day");
    let (world, provider, _server, ada) = world.with_provider_and_ada().await;
    for slow in [
        "create function late() returns trigger language plpgsql as 'begin perform pg_sleep(11); return new; end'",
        "create trigger late before insert on turns for each row execute function late()",
    ] {
        world.database.execute(slow).await;
    }
    ada.send(&json!({"content": "12345678"})).await.problem(503, "database_unavailable");
    let is_there = async || (world.database.execute(AGE).await == 1).then_some(());
    eventually("the turn to be stored", is_there).await;
    let is_over = "select count(*) from turns where state = 'interrupted'";
    eventually("its end", async || (world.database.number(is_over).await == 1).then_some(())).await;
    let spent = world.database.number("select cast(sum(input_tokens + output_tokens) as bigint) from attempts").await;
    eventually("its charge", async || (used(&world).await == spent.unsigned_abs()).then_some(())).await;
    assert!(provider.calls().is_empty());
}

async fn a_late_provider_failure_reports_what_is_stored(setup: Setup) {
    let provider = Provider::start().await;
    let world = world(setup, &provider).await;
    let (owner, other) = (world.serve().await, world.serve().await);
    let ada = owner.person("ada").await;
    let gate = Gate::closed();
    provider.next(Reply::text(["kept "]).then_wait(&gate).then_break());
    let mut stream = ada.stream(&json!({"content": "x"})).await;
    let turn = stream.expect("turn").await;
    stream.expect("delta").await;
    owner.process.signal("STOP");
    assert_eq!(world.database.execute(AGE).await, 1);
    let end = ended(&ada.at(&other), &turn["turn_id"]).await;
    // Its provider has broken off before it can know that the turn is not its own.
    gate.open();
    eventually("the provider to break off", async || provider.last_call().finished.then_some(())).await;
    owner.process.signal("CONT");
    let last = stream.all().await;
    assert_eq!(last.last().unwrap().data["code"], "interrupted", "{last:?}");
    assert_eq!((ada.turn(&turn["turn_id"]).await, &end["state"]), (end.clone(), &json!("interrupted")));
    let line =
        eventually("its line in the log", async || owner.log().into_iter().find(|line| line["message"] == "turn"));
    assert_eq!(line.await["state"], "interrupted");
    assert_eq!(owner.metric("mcpchat_turns_total", &["outcome=\"failed\""]).await, 0.0, "counted where it was ended");
}

/// What is used and reserved of the quota, as the operator sees it.
async fn used(world: &World) -> u64 {
    let shown = world.cli(["ratelimit", "show", "ada", "--json"]).run().await.json();
    let rules = shown.get("limits").or_else(|| shown.get("items")).unwrap_or(&shown).as_array().unwrap().clone();
    let row = rules.iter().find(|rule| rule["rule"] == "per-day").unwrap();
    row["used"].as_u64().unwrap() + row["reserved"].as_u64().unwrap()
}

async fn a_reservation_outlives_its_process_and_is_settled(setup: Setup) {
    let world = World::new(setup).await.limit("per-day", "tokens", 1000, "day");
    let (world, provider, server, ada) = world.with_provider_and_ada().await;
    provider.next(Reply::text(["12345678"]).then_wait(&Gate::closed()));
    let mut stream = ada.stream(&json!({"content": "1234"})).await;
    let turn = stream.expect("turn").await;
    stream.expect("delta").await;
    assert_eq!(used(&world).await, 1 + 256, "the worst case");
    let written = "select count(*) from turns where draft is not null";
    eventually("a draft", async || (world.database.number(written).await == 1).then_some(())).await;
    server.process.signal("KILL");
    assert_eq!(world.database.execute(AGE).await, 1);
    let successor = world.serve().await;
    ended(&ada.at(&successor), &turn["turn_id"]).await;
    eventually("what was really used", async || (used(&world).await == 1 + 2).then_some(())).await;
}

async fn what_a_redis_outage_left_unsettled_is_settled(setup: Setup) {
    let provider = Provider::start().await;
    let world = World::new(setup).await.provider(&provider).limit("per-day", "tokens", 1000, "day");
    let server = world.serve().await;
    world.add_user("ada").await;
    let mut ada = server.stranger();
    ada.log_in("ada", PASSWORD).await.ok(200);
    let gate = Gate::closed();
    provider.next(Reply::text(["12345678"]).then_wait(&gate).then("!"));
    let mut stream = ada.stream(&json!({"content": "1234"})).await;
    stream.expect("turn").await;
    stream.expect("delta").await;
    world.redis().freeze();
    gate.open();
    stream.all().await;
    world.redis().thaw();
    eventually("what the provider has counted", async || (used(&world).await == 11 + 7).then_some(())).await;
}
