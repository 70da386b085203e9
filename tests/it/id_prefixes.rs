//! Id prefixes at the shell: the first characters are enough, as long as they name one thing.

use crate::harness::{Asker, Gate, Person, Reply, Setup, Value, json};

on_every_setup! {
    a_turn_is_named_by_the_beginning_of_its_id
    a_conversation_is_named_by_the_beginning_of_its_id
}

fn id(value: &Value) -> &str {
    value.as_str().unwrap()
}

/// The characters that two ids begin with, and one more of the first.
fn beginnings<'a>(first: &'a str, second: &str) -> (&'a str, &'a str) {
    let shared = first.bytes().zip(second.bytes()).take_while(|(a, b)| a == b).count();
    (&first[..shared], &first[..=shared])
}

async fn a_turn_is_named_by_the_beginning_of_its_id(setup: Setup) {
    let asker = Asker::new(setup).await;
    let ada: &Person = asker.ada();
    let first = ada.say("one").await["turn"]["id"].clone();
    asker.provider.next(Reply::text(["two "]).then_wait(&Gate::closed()).then("never"));
    let mut events = ada.stream(&json!({"content": "two"})).await;
    let second = events.expect("turn").await["turn_id"].clone();
    let (shared, enough) = beginnings(id(&second), id(&first));

    let cli = |arguments: &[&str]| asker.world.cli(arguments.to_vec()).run();
    assert_eq!(cli(&["turn", "show", enough, "--json"]).await.json()["id"], second);
    let ambiguous = cli(&["turn", "show", shared]).await;
    ambiguous.ended(2);
    assert!(ambiguous.stderr.contains(id(&first)) && ambiguous.stderr.contains(id(&second)), "{ambiguous:#?}");
    let cancelled = cli(&["turn", "cancel", &format!("{enough}…"), "--yes", "--json"]).await.json();
    assert_eq!((&cancelled["id"], &cancelled["state"]), (&second, &json!("cancelled")));
    let again = cli(&["turn", "cancel", enough, "--yes"]).await;
    assert!(again.ended(0).contains("cancelled"), "{again:#?}");
    assert!(again.stderr.contains("the turn has already ended (cancelled)"), "{again:#?}");
    for (wrong, exit) in [("ffff", 3), ("xyz", 2), ("", 2), ("01-a2", 2)] {
        cli(&["turn", "show", wrong]).await.ended(exit);
        cli(&["turn", "cancel", wrong, "--yes"]).await.ended(exit);
    }
}

async fn a_conversation_is_named_by_the_beginning_of_its_id(setup: Setup) {
    let asker = Asker::new(setup).await;
    let first = asker.ada().say("one").await["turn"]["conversation_id"].clone();
    let second = asker.ada().say("two").await["turn"]["conversation_id"].clone();
    asker.world.add_user("eve").await;
    let eves = asker.server.login("eve").await.say("three").await["turn"]["conversation_id"].clone();
    let (shared, enough) = beginnings(id(&first), id(&second));
    for (way, output) in asker.ask(&["-c", enough, "again", "--json"]).await {
        assert_eq!(output.json()["conversation_id"], first, "{way}");
    }
    for (arguments, exit) in
        [(["-c", shared, "again"], 2), (["-c", "ffff", "again"], 3), (["-c", id(&eves), "again"], 3)]
    {
        for (way, output) in asker.ask(&arguments).await {
            assert_eq!(output.code, exit, "{way} {arguments:?}: {output:#?}");
        }
    }
    let others = &id(&eves)[..id(&eves).len() - 1];
    for (way, output) in asker.ask(&["-c", others, "again"]).await {
        assert_eq!(output.code, 3, "{way}: a stranger's conversation is not there: {output:#?}");
    }
}
