//! Following a turn again and ending it early, over HTTP.

use crate::harness::{Event, Events, Gate, Person, Reply, Setup, Told, Value, World, json};

on_every_setup! {
    a_running_turn_is_followed_from_where_a_reader_was
    a_turn_with_lost_events_is_replayed_in_one_piece
    a_reader_that_has_seen_the_end_is_told_so
    what_is_wanted_is_told_by_weight_and_by_word
    a_turn_that_failed_tells_why_again
    a_cancelled_turn_keeps_what_it_had
    another_users_turn_is_not_followed_or_cancelled
    a_place_that_is_no_number_is_refused
}

on_redis! { a_turn_of_another_replica_is_followed_to_its_end }

fn events_of(turn: &Value) -> String {
    format!("/api/v1/turns/{}/events", turn.as_str().unwrap())
}

async fn follow(person: &Person, turn: &Value, query: &str) -> Events {
    Events::of(person.request(reqwest::Method::GET, &format!("{}{query}", events_of(turn)))).await
}

fn outline(events: &[Event]) -> Vec<(u64, &str)> {
    events.iter().map(|event| (event.id, event.name.as_str())).collect()
}

async fn a_running_turn_is_followed_from_where_a_reader_was(setup: Setup) {
    let (_world, provider, _server, ada) = World::new(setup).await.with_provider_and_ada().await;
    let gate = Gate::closed();
    provider.next(Reply::text(["one ", "two "]).then_wait(&gate).then("three"));
    let mut first = ada.stream(&json!({"content": "count"})).await;
    let turn = first.expect("turn").await["turn_id"].clone();
    assert_eq!(first.expect("delta").await["text"], "one ");
    assert_eq!(first.expect("delta").await["text"], "two ");
    drop(first);
    let all = follow(&ada, &turn, "").await;
    let rest = follow(&ada, &turn, "?after=2").await;
    let header = ada.request(reqwest::Method::GET, &events_of(&turn)).header("last-event-id", "3");
    let end = Events::of(header).await;
    let beyond = follow(&ada, &turn, "?after=4000000000").await;
    gate.open();
    assert_eq!(Told::whole(&all.all().await).text, "one two three");
    let rest = rest.all().await;
    assert_eq!(outline(&rest), [(3, "delta"), (4, "delta"), (5, "done")]);
    assert_eq!(crate::harness::told(&rest), "two three");
    assert_eq!(crate::harness::told(&end.all().await), "three");
    assert_eq!(beyond.all().await.last().unwrap().name, "done", "a place that is not there yet loses no end");
}

async fn a_turn_with_lost_events_is_replayed_in_one_piece(setup: Setup) {
    let (world, provider, _server, ada) = World::new(setup).await.with_provider_and_ada().await;
    provider.next(Reply::text(["one ", "two"]));
    let turn = ada.say("count").await["turn"].clone();
    // As of a version that did not keep how a reply was cut.
    assert_eq!(world.database.execute("update turns set pieces = null").await, 1);
    let events = follow(&ada, &turn["id"], "").await.all().await;
    assert_eq!(outline(&events), [(1, "turn"), (2, "snapshot"), (3, "done")]);
    assert_eq!(events[0].data["user_message_id"], turn["user_message_id"]);
    assert_eq!(events[1].data, json!({"text": "one two"}));
    assert_eq!((&events[2].data["turn"], &events[2].data["message"]["content"]), (&turn, &json!("one two")));
    assert_eq!(outline(&follow(&ada, &turn["id"], "?after=1").await.all().await), [(2, "snapshot"), (3, "done")]);
    assert_eq!(outline(&follow(&ada, &turn["id"], "?after=2").await.all().await), [(3, "done")]);
    for after in ["3", "4", "1000000"] {
        let answer = ada.get(&format!("{}?after={after}", events_of(&turn["id"]))).await;
        assert_eq!((answer.status.as_u16(), answer.text.as_str()), (204, ""), "after {after}");
    }
}

/// An `EventSource` comes back after each end with the last number it was told, and stops at a 204.
async fn a_reader_that_has_seen_the_end_is_told_so(setup: Setup) {
    let (_world, provider, _server, ada) = World::new(setup).await.with_provider_and_ada().await;
    for (reply, end) in [(Reply::text(["one"]), "done"), (Reply::text(["half"]).then_break(), "error")] {
        provider.next(reply);
        let events = ada.stream(&json!({"content": "x"})).await.all().await;
        let (turn, last) = (&events[0].data["turn_id"], events.last().unwrap());
        assert_eq!((last.id, last.name.as_str()), (3, end));
        let again = follow(&ada, turn, "?after=2").await.all().await;
        assert_eq!(outline(&again), [(3, end)], "the same number each time");
        for seen in ["3", "4", "1000000000000", "9007199254740991"] {
            let asked = ada.get(&format!("{}?after={seen}", events_of(turn))).await;
            assert_eq!((asked.status.as_u16(), asked.text.as_str()), (204, ""), "after {seen}");
            let request = ada.request(reqwest::Method::GET, &events_of(turn)).header("last-event-id", seen);
            assert_eq!(crate::harness::Answer::to(request).await.status, 204, "Last-Event-ID {seen}");
        }
        // A socket has no 204: there the end comes once more, as it is numbered.
        let mut socket = crate::harness::Socket::of(&ada).await;
        for (id, after) in [("a", 2), ("b", 3), ("c", 4000)] {
            socket.say(&json!({"type": "resume", "id": id, "turn_id": turn, "after": after})).await;
            let told = socket.all_of(id).await;
            assert_eq!((told.len(), &told[0]["type"], &told[0]["seq"]), (1, &json!(end), &json!(3)), "{told:?}");
        }
    }
}

async fn what_is_wanted_is_told_by_weight_and_by_word(setup: Setup) {
    let (_world, _provider, _server, ada) = World::new(setup).await.with_provider_and_ada().await;
    for (accept, stream, kind) in [
        ("text/event-stream", json!(null), "text/event-stream"),
        ("application/json, text/event-stream", json!(null), "application/json"),
        ("application/json;q=0.9, text/event-stream;q=0.1", json!(null), "application/json"),
        ("text/event-stream;q=0, application/json", json!(null), "application/json"),
        ("text/event-stream;q=0.9, */*;q=0.1", json!(null), "text/event-stream"),
        ("*/*", json!(null), "application/json"),
        ("text/event-stream", json!(false), "application/json"),
        ("application/json", json!(true), "text/event-stream"),
    ] {
        let message = json!({"content": "x", "model": "fake", "stream": stream});
        let request = ada.request(reqwest::Method::POST, "/api/v1/messages").header("accept", accept);
        let answer = crate::harness::Answer::to(request.json(&message)).await;
        assert_eq!(answer.header("content-type"), kind, "{accept} with {stream}");
    }
}

async fn a_turn_that_failed_tells_why_again(setup: Setup) {
    let (_world, provider, _server, ada) = World::new(setup).await.with_provider_and_ada().await;
    provider.next(Reply::text(["half"]).then_break());
    let first = ada.stream(&json!({"content": "x"})).await.all().await;
    let (turn, told) = (&first[0].data["turn_id"], &first.last().unwrap().data);
    let again = follow(&ada, turn, "").await.all().await;
    assert_eq!(outline(&again), [(1, "turn"), (2, "delta"), (3, "error")]);
    assert_eq!(again[1].data["text"], "half");
    for member in ["code", "detail", "turn_id", "type"] {
        assert_eq!(again[2].data[member], told[member], "{member}");
    }
}

async fn a_cancelled_turn_keeps_what_it_had(setup: Setup) {
    let (_world, provider, _server, ada) = World::new(setup).await.with_provider_and_ada().await;
    provider.next(Reply::text(["first "]).then_wait(&Gate::closed()).then("never"));
    let mut events = ada.stream(&json!({"content": "x"})).await;
    let turn = events.expect("turn").await;
    events.expect("delta").await;
    let path = format!("/api/v1/turns/{}", turn["turn_id"].as_str().unwrap());
    assert_eq!(ada.delete(&path).await.ok(202)["id"], turn["turn_id"]);
    let done = events.expect("done").await;
    assert_eq!((&done["turn"]["state"], &done["turn"]["finish_reason"]), (&json!("cancelled"), &json!("cancelled")));
    assert_eq!((&done["message"]["content"], &done["message"]["state"]), (&json!("first "), &json!("partial")));
    crate::harness::eventually("the provider to be let go", async || provider.last_call().dropped.then_some(())).await;
    assert_eq!(ada.delete(&path).await.ok(202), done["turn"], "once more changes nothing");
    assert_eq!(ada.history(&turn["conversation_id"]).await, ["user: x", "assistant: first "]);
    let again = follow(&ada, &turn["turn_id"], "").await.all().await;
    assert_eq!(outline(&again), [(1, "turn"), (2, "delta"), (3, "done")]);
    assert_eq!(again[2].data["turn"], done["turn"]);
}

async fn another_users_turn_is_not_followed_or_cancelled(setup: Setup) {
    let (_world, provider, server, ada) = World::new(setup).await.with_provider_and_ada().await;
    let bob = server.person("bob").await;
    let gate = Gate::closed();
    provider.next(Reply::text(["first "]).then_wait(&gate).then("last"));
    let mut events = ada.stream(&json!({"content": "x"})).await;
    let turn = events.expect("turn").await["turn_id"].clone();
    bob.get(&events_of(&turn)).await.problem(404, "not_found");
    bob.delete(&format!("/api/v1/turns/{}", turn.as_str().unwrap())).await.problem(404, "not_found");
    gate.open();
    assert_eq!(events.all().await.last().unwrap().data["turn"]["state"], "completed");
    bob.get(&events_of(&turn)).await.problem(404, "not_found");
}

async fn a_place_that_is_no_number_is_refused(setup: Setup) {
    let (_world, _provider, _server, ada) = World::new(setup).await.with_provider_and_ada().await;
    let turn = ada.say("x").await["turn"]["id"].clone();
    for query in ["?after=x", "?after=-1", "?since=1", "?after=9007199254740992", "?after=18446744073709551616"] {
        ada.get(&format!("{}{query}", events_of(&turn))).await.any_problem(422);
    }
    let request = ada.request(reqwest::Method::GET, &events_of(&turn)).header("last-event-id", "x");
    crate::harness::Answer::to(request).await.any_problem(422);
}

async fn a_turn_of_another_replica_is_followed_to_its_end(setup: Setup) {
    let (world, provider, _server, ada) = World::new(setup).await.with_provider_and_ada().await;
    let other = world.serve().await;
    let gate = Gate::closed();
    provider.next(Reply::text(["first "]).then_wait(&gate).then("last"));
    let mut events = ada.stream(&json!({"content": "x"})).await;
    let turn = events.expect("turn").await["turn_id"].clone();
    let there = follow(&ada.at(&other), &turn, "").await;
    gate.open();
    let there = there.all().await;
    assert_eq!(there.last().unwrap().data["message"]["content"], "first last");
    assert_eq!(there[0].data["turn_id"], turn);
}
