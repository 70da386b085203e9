//! The maximum length of a message: `[server] max_message` on every way in, whatever JSON makes of the text, and no
//! bound but it beside the model's own context.

use crate::harness::{Asker, Setup, Socket, World, json};

const MEBIBYTE: usize = 1024 * 1024;

on_sqlite! {
    a_message_of_a_mebibyte_is_taken_on_every_way_in
    a_longer_message_is_refused_and_its_length_is_told
    the_longest_message_is_what_the_configuration_says
    what_is_piped_in_is_bounded_as_a_message_is
}

/// Answers at once and reads anything.
fn with_patient_model(world: World) -> World {
    world
        .add("providers", "name = 'mock'\nkind = 'mock'")
        .add("models", "name = 'patient'\nprovider = 'mock'\ncontext_window = 100000000\nscript = { reply = 'ok' }")
}

async fn a_message_of_a_mebibyte_is_taken_on_every_way_in(setup: Setup) {
    let (_world, _server, ada) = with_patient_model(World::new(setup).await.without_limits()).with_ada().await;
    // In JSON each of these is six bytes.
    for character in ["x", "\u{1}"] {
        let text = character.repeat(MEBIBYTE);
        let sent = ada.send(&json!({"content": text, "model": "patient"})).await.ok(201).clone();
        assert_eq!(sent["user_message"]["content"], json!(text));
        let mut socket = Socket::of(&ada).await;
        socket.say(&json!({"type": "send", "id": "a", "content": text, "model": "patient"})).await;
        assert_eq!(socket.all_of("a").await.last().unwrap()["type"], "done");
        let made = ada.post("/api/v1/conversations", &json!({"system_prompt": text, "model": "patient"})).await;
        let conversation = made.ok(201)["id"].clone();
        let goes_on = json!({"content": "hi", "conversation_id": conversation});
        ada.send(&goes_on).await.ok(201);
        let changed = json!({"system_prompt": text});
        ada.patch(&format!("/api/v1/conversations/{}", conversation.as_str().unwrap()), &changed).await.ok(200);
    }
}

async fn a_longer_message_is_refused_and_its_length_is_told(setup: Setup) {
    let (_world, _server, ada) = World::new(setup).await.without_limits().with_ada().await;
    let long = "é".repeat(MEBIBYTE / 2) + "x";
    let said = [json!({"role": "user", "content": long})];
    for (member, message) in [
        ("content", json!({"content": long})),
        ("system_prompt", json!({"content": "x", "system_prompt": long})),
        ("history", json!({"content": "x", "history": said})),
    ] {
        let problem = ada.send(&message).await.problem(422, "invalid_request").clone();
        let told = &problem["errors"][0];
        assert_eq!(told["field"], member);
        assert_eq!(told["message"], "has 1048577 bytes; the longest is 1 MiB (`[server] max_message`)");
    }
    let made = ada.post("/api/v1/conversations", &json!({"system_prompt": long})).await;
    made.problem(422, "invalid_request");
    let mut socket = Socket::of(&ada).await;
    socket.say(&json!({"type": "send", "id": "a", "content": long})).await;
    assert_eq!(socket.next().await["errors"][0]["field"], "content");
    // What no message needs is not read: six bytes for each of the longest, and 64 KiB.
    socket.say(&json!({"type": "send", "id": "a", "content": "x".repeat(6 * MEBIBYTE + 64 * 1024)})).await;
    assert_eq!(socket.closed().await.0, 1009);
}

async fn the_longest_message_is_what_the_configuration_says(setup: Setup) {
    let world = with_patient_model(World::new(setup).await.without_limits());
    let (world, _server, ada) = world.set("server.max_message", "2KiB").with_ada().await;
    ada.send(&json!({"content": "x".repeat(2048)})).await.ok(201);
    ada.send(&json!({"content": "x".repeat(2049)})).await.problem(422, "invalid_request");
    let large = ada.send(&json!({"content": "x".repeat(6 * 2048 + 64 * 1024)})).await;
    assert_eq!(large.problem(413, "body_too_large")["detail"], "a request body may have 76 KiB here");
    for (wrong, told) in [("1parsec", "not a size"), ("1023", "out of range"), ("65MiB", "give \"1KiB\" to \"64MiB\"")]
    {
        let checked = world.cli(["config", "check"]).env("MCPCHAT_SERVER__MAX_MESSAGE", wrong).run().await;
        checked.ended(9);
        assert!(checked.stderr.contains(told), "{wrong}: {checked:?}");
    }
}

async fn what_is_piped_in_is_bounded_as_a_message_is(setup: Setup) {
    let asker = Asker::in_world(setup, |world| with_patient_model(world).set("server.max_message", "3MiB")).await;
    for (length, code) in [(2 * MEBIBYTE, 0), (3 * MEBIBYTE - 6, 0), (3 * MEBIBYTE, 2)] {
        for (way, chat) in asker.both(&["-m", "patient", "Why?"]) {
            let output = chat.input("x".repeat(length)).run().await;
            output.ended(code);
            assert_eq!(output.stderr.contains("the longest is 3 MiB"), code == 2, "{way}: {output:?}");
        }
    }
}
