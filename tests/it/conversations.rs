//! Conversations: made, listed, read, renamed, deleted, and paged through.

use crate::harness::{Person, Setup, Value, World, json};

on_every_setup! {
    a_conversation_is_made_read_renamed_and_deleted
    a_message_makes_a_conversation_where_none_is_named
    a_conversation_keeps_its_model_and_system_prompt
    the_list_is_paged_without_gaps_or_repeats
    messages_are_paged_in_order
    another_users_cursor_shows_nothing_of_theirs
}

fn path(conversation: &Value) -> String {
    format!("/api/v1/conversations/{}", conversation["id"].as_str().unwrap())
}

/// All items of a list, read in pages of this size.
async fn pages(person: &Person, list: &str, size: usize) -> Vec<Value> {
    let (mut items, mut query) = (Vec::new(), format!("limit={size}"));
    loop {
        let page = person.get(&format!("{list}?{query}")).await.ok(200);
        assert_eq!(page.as_object().unwrap().len(), 2, "{page}");
        let found = page["items"].as_array().unwrap();
        assert!(found.len() <= size, "{page}");
        items.extend(found.iter().cloned());
        let Some(cursor) = page["next_cursor"].as_str() else { return items };
        assert!(!found.is_empty(), "a page with nothing on it names a next one");
        query = format!("limit={size}&cursor={cursor}");
    }
}

async fn a_conversation_is_made_read_renamed_and_deleted(setup: Setup) {
    let (_world, _server, ada) = World::new(setup).await.without_limits().with_ada().await;
    let made = ada.post("/api/v1/conversations", &json!({"title": "Plans", "system_prompt": "Be kind."})).await.ok(201);
    let mut members: Vec<&String> = made.as_object().unwrap().keys().collect();
    members.sort();
    assert_eq!(members, ["created_at", "id", "model", "system_prompt", "title", "updated_at"]);
    assert_eq!((&made["title"], &made["model"]), (&json!("Plans"), &json!("mock/echo")));
    assert_eq!(ada.get(&path(&made)).await.ok(200), made);
    let renamed = ada.patch(&path(&made), &json!({"title": "Better plans"})).await.ok(200);
    assert_eq!((&renamed["title"], &renamed["system_prompt"]), (&json!("Better plans"), &json!("Be kind.")));
    assert_eq!(ada.get(&path(&made)).await.ok(200)["title"], "Better plans");
    assert_eq!(ada.delete(&path(&made)).await.status, 204);
    ada.get(&path(&made)).await.any_problem(404);
    ada.delete(&path(&made)).await.any_problem(404);
    ada.send(&json!({"content": "x", "conversation_id": made["id"]})).await.any_problem(404);
    assert!(pages(&ada, "/api/v1/conversations", 10).await.is_empty());
}

async fn a_message_makes_a_conversation_where_none_is_named(setup: Setup) {
    let (_world, _server, ada) = World::new(setup).await.without_limits().with_ada().await;
    let exchange = ada.say("hello").await;
    let list = pages(&ada, "/api/v1/conversations", 10).await;
    assert_eq!(list.len(), 1);
    assert_eq!(list[0]["id"], exchange["turn"]["conversation_id"]);
    ada.say_in(&list[0]["id"], "more").await;
    assert_eq!(pages(&ada, "/api/v1/conversations", 10).await.len(), 1);
    // Its messages go with it.
    assert_eq!(ada.delete(&path(&list[0])).await.status, 204);
    ada.get(&format!("/api/v1/messages/{}", exchange["user_message"]["id"].as_str().unwrap())).await.any_problem(404);
}

async fn a_conversation_keeps_its_model_and_system_prompt(setup: Setup) {
    let (_world, provider, _server, ada) = World::new(setup).await.with_provider_and_ada().await;
    let made = json!({"model": "claude", "system_prompt": "Answer in verse."});
    let made = ada.post("/api/v1/conversations", &made).await.ok(201);
    ada.say_in(&made["id"], "hello").await;
    let call = provider.last_call();
    assert_eq!(call.path, "/v1/messages");
    assert!(call.body["system"].to_string().contains("Answer in verse."), "{call:#?}");
}

async fn the_list_is_paged_without_gaps_or_repeats(setup: Setup) {
    let (_world, _server, ada) = World::new(setup).await.without_limits().with_ada().await;
    let mut made = Vec::new();
    for number in 0..7 {
        made.push(
            ada.post("/api/v1/conversations", &json!({"title": format!("{number}")})).await.ok(201)["id"].clone(),
        );
    }
    // The latest used comes first.
    made.reverse();
    for size in [1, 3, 7, 50] {
        let found: Vec<Value> =
            pages(&ada, "/api/v1/conversations", size).await.iter().map(|item| item["id"].clone()).collect();
        assert_eq!(found, made, "in pages of {size}");
    }
    let oldest = made.last().unwrap();
    ada.say_in(oldest, "still here").await;
    assert_eq!(&pages(&ada, "/api/v1/conversations", 3).await[0]["id"], oldest);
}

async fn messages_are_paged_in_order(setup: Setup) {
    let (_world, _server, ada) = World::new(setup).await.without_limits().with_ada().await;
    let conversation = ada.say("0").await["turn"]["conversation_id"].clone();
    for number in 1..5 {
        ada.say_in(&conversation, &number.to_string()).await;
    }
    let list = format!("/api/v1/conversations/{}/messages", conversation.as_str().unwrap());
    for size in [1, 3, 50] {
        let texts: Vec<String> =
            pages(&ada, &list, size).await.iter().map(|item| item["content"].to_string()).collect();
        let expected: Vec<String> = (0..10).map(|half| format!("\"{}\"", half / 2)).collect();
        assert_eq!(texts, expected, "in pages of {size}");
    }
}

async fn another_users_cursor_shows_nothing_of_theirs(setup: Setup) {
    let (_world, server, ada) = World::new(setup).await.without_limits().with_ada().await;
    let bob = server.person("bob").await;
    for title in ["one", "two", "three"] {
        ada.post("/api/v1/conversations", &json!({"title": title})).await.ok(201);
    }
    let page = ada.get("/api/v1/conversations?limit=1").await.ok(200);
    let path = format!("/api/v1/conversations?cursor={}", page["next_cursor"].as_str().unwrap());
    let answer = bob.get(&path).await;
    assert!(answer.status.is_client_error() || answer.ok(200)["items"] == json!([]), "{answer:#?}");
}
