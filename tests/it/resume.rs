//! Resuming a turn: wherever a reader was cut off, on whichever replica it goes on, during the turn and after it, what
//! it puts together is what is stored, and every event is what it was.

use crate::harness::{Event, Gate, Person, Reply, Setup, Told, Value, World, eventually, json, told};

on_every_setup! {
    an_ended_turn_is_told_again_as_it_was
    only_a_long_reply_is_stored_while_it_comes
}

on_redis! {
    a_stream_cut_at_any_event_resumes_elsewhere
    without_redis_drafts_reach_readers_elsewhere
    the_log_in_redis_ends_some_minutes_after_the_turn
}

/// Deltas of the stream that is cut everywhere.
const DELTAS: usize = 200;

/// A reply whose every word but the first waits at the gate, so that each becomes an event of its own.
fn word_by_word(words: &[String], gate: &Gate) -> Reply {
    words.iter().fold(Reply::text([]), |reply, word| reply.then(word).then_wait(gate))
}

async fn a_stream_cut_at_any_event_resumes_elsewhere(setup: Setup) {
    let (world, provider, _server, ada) = World::new(setup).await.without_limits().with_provider_and_ada().await;
    let other = world.serve().await;
    let there = ada.at(&other);
    let words: Vec<String> = (0..DELTAS).map(|number| format!("word {number} ✓ ")).collect();
    let gate = Gate::closed();
    provider.next(word_by_word(&words, &gate));
    let mut lead = ada.stream(&json!({"content": "x"})).await;
    let turn = lead.expect("turn").await["turn_id"].clone();
    // Cut before the first event, after the first, …, after the last delta.
    let readers =
        (0..=DELTAS as u64 + 1).map(|cut| tokio::spawn(cut_after(cut, ada.clone(), there.clone(), turn.clone())));
    let readers: Vec<_> = readers.collect();
    for word in &words {
        assert_eq!(lead.expect("delta").await["text"], *word);
        gate.step();
    }
    let done = lead.expect("done").await;
    assert_eq!(done["message"]["content"], words.concat());
    let mut good = 0;
    for reader in readers {
        let events = reader.await.unwrap();
        let whole = Told::whole(&events);
        assert_eq!((whole.text, whole.done), (words.concat(), done.clone()));
        good += 1;
    }
    assert_eq!(good, DELTAS + 2);
    // The same once more, now that it is over.
    for cut in [0, 1, 2, 77, DELTAS as u64, DELTAS as u64 + 1] {
        let events = cut_after(cut, ada.clone(), there.clone(), turn.clone()).await;
        assert_eq!(Told::whole(&events).text, words.concat());
    }
}

/// Reads so many events at one replica, and the rest at the other.
async fn cut_after(cut: u64, here: Person, there: Person, turn: Value) -> Vec<Event> {
    let mut events = Vec::new();
    if cut > 0 {
        let mut first = here.follow(&turn, 0).await;
        while (events.len() as u64) < cut {
            events.push(first.next().await.unwrap());
        }
    }
    events.extend(there.follow(&turn, cut).await.all().await);
    events
}

async fn an_ended_turn_is_told_again_as_it_was(setup: Setup) {
    let (world, provider, server, ada) = World::new(setup).await.without_limits().with_provider_and_ada().await;
    let gate = Gate::closed();
    let words = ["one ".to_owned(), "two ".into(), "drei ✓".into()];
    provider.next(word_by_word(&words, &gate));
    let mut stream = ada.stream(&json!({"content": "count"})).await;
    let mut first = vec![stream.next().await.unwrap()];
    for _ in &words {
        first.push(stream.next().await.unwrap());
        gate.step();
    }
    first.extend(stream.all().await);
    let turn = first[0].data["turn_id"].clone();
    drop(server);
    // Another process, which has seen nothing of it.
    let later = world.serve().await;
    let ada = ada.at(&later);
    for after in 0..first.len() {
        assert_eq!(ada.follow(&turn, after as u64).await.all().await, first[after..], "after {after}");
    }
    for after in [first.len() as u64, 4_000_000_000] {
        let nothing_more = ada.get(&format!("/api/v1/turns/{}/events?after={after}", turn.as_str().unwrap())).await;
        assert_eq!((nothing_more.status.as_u16(), &*nothing_more.text), (204, ""), "after {after}");
    }
}

async fn only_a_long_reply_is_stored_while_it_comes(setup: Setup) {
    let (world, provider, _server, ada) = World::new(setup).await.without_limits().with_provider_and_ada().await;
    let drafts = "select count(*) from turns where draft is not null";
    let gate = Gate::closed();
    provider.next(Reply::text(["short"]).then_wait(&gate));
    provider.next(Reply::text(["x".repeat(5000).as_str()]).then_wait(&gate));
    let mut short = ada.stream(&json!({"content": "x"})).await;
    short.expect("turn").await;
    short.expect("delta").await;
    assert_eq!(world.database.number(drafts).await, 0);
    let mut large = ada.stream(&json!({"content": "x"})).await;
    large.expect("turn").await;
    let some = async |size: &'static str| {
        eventually("a draft", async || (world.database.number(size).await == 1).then_some(())).await;
    };
    some("select count(*) from turns where length(draft) = 5000").await;
    // The short one is written down when it has been short for long enough.
    some("select count(*) from turns where draft = 'short'").await;
    gate.open();
    assert_eq!(short.expect("done").await["message"]["content"], "short");
    large.all().await;
    assert_eq!(world.database.number(drafts).await, 0, "the reply is stored, and needs no draft");
}

async fn without_redis_drafts_reach_readers_elsewhere(setup: Setup) {
    let (world, provider, _server, ada) = World::new(setup).await.without_limits().with_provider_and_ada().await;
    let other = world.serve().await;
    let gate = Gate::closed();
    let words: Vec<String> = (0..20).map(|number| format!("{number} {}", "x".repeat(500))).collect();
    provider.next(word_by_word(&words, &gate));
    let mut lead = ada.stream(&json!({"content": "x"})).await;
    let turn = lead.expect("turn").await["turn_id"].clone();
    let mut there = ada.at(&other).follow(&turn, 0).await;
    let mut events = vec![there.next().await.unwrap()];
    for (number, word) in words.iter().enumerate() {
        assert_eq!(lead.expect("delta").await["text"], *word);
        match number {
            // What was in Redis is lost, and then Redis is unavailable altogether.
            6 => world.redis().forget().await,
            12 => world.redis().freeze(),
            _ => {}
        }
        if number + 1 < words.len() {
            gate.step();
        }
    }
    // While the turn waits for its last step, the reader elsewhere comes to know all of it.
    while told(&events).len() < words.concat().len() {
        events.push(there.next().await.unwrap());
    }
    gate.open();
    lead.expect("done").await;
    events.extend(there.all().await);
    assert_eq!(Told::whole(&events).text, words.concat());
    world.redis().thaw();
}

async fn the_log_in_redis_ends_some_minutes_after_the_turn(setup: Setup) {
    let (world, provider, _server, ada) = World::new(setup).await.without_limits().with_provider_and_ada().await;
    let gate = Gate::closed();
    provider.next(Reply::text(["first "]).then_wait(&gate).then("last"));
    let mut events = ada.stream(&json!({"content": "x"})).await;
    let turn = events.expect("turn").await["turn_id"].clone();
    let key = format!("{{mcpchat}}:turn:{}", turn.as_str().unwrap());
    eventually("the stream", async || world.redis().keys().await.contains(&key).then_some(())).await;
    gate.open();
    events.all().await;
    let kept = world.redis().seconds_to_live(&key).await;
    assert!((60..=300).contains(&kept), "{kept}");
    ada.say("a turn that is over at once").await;
    let streams = world.redis().keys().await.into_iter().filter(|key| key.contains(":turn:")).count();
    assert_eq!(streams, 1, "a short turn needs none");
}
