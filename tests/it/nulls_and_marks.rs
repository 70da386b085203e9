//! Bodies as other programs write them: `null` for what is left out, as Go writes an empty list, and a byte order mark.

use reqwest::Method;

use crate::harness::{Answer, PASSWORD, Setup, Value, World, json};

on_every_setup! {
    an_optional_member_may_be_null
    a_byte_order_mark_is_no_part_of_a_body
}

async fn an_optional_member_may_be_null(setup: Setup) {
    let world = World::new(setup).await.set("auth.registration", "open").without_limits();
    let (_world, server, ada) = world.with_ada().await;
    let optional =
        ["conversation_id", "model", "system_prompt", "temperature", "top_p", "top_k", "max_tokens", "stop", "seed"];
    for name in optional.into_iter().chain(["response_format", "history", "stream", "on_disconnect"]) {
        ada.send(&json!({"content": "hi", name: null})).await.ok(201);
    }
    let empty = json!({"title": null, "model": null, "system_prompt": null});
    let conversation = ada.post("/api/v1/conversations", &empty).await.ok(201);
    let path = format!("/api/v1/conversations/{}", conversation["id"].as_str().unwrap());
    ada.patch(&path, &empty).await.ok(200);
    ada.post("/api/v1/users/me/keys", &json!({"name": "k", "scopes": ["chat"], "expires_at": null})).await.ok(201);
    let eve = json!({"username": "eve", "email": null, "password": PASSWORD});
    server.stranger().post("/api/v1/users", &eve).await.ok(201);
    let root = server.admin("root").await;
    let bob = json!({"username": "bob", "email": null, "role": null, "password": null});
    root.post("/api/v1/admin/users", &bob).await.ok(201);
    ada.send(&json!({"content": null})).await.any_problem(422);
}

async fn a_byte_order_mark_is_no_part_of_a_body(setup: Setup) {
    let (_world, _server, ada) = World::new(setup).await.without_limits().with_ada().await;
    let post = |path: &str, kind: &str, body: String| {
        let request = ada.request(Method::POST, path).header("content-type", kind);
        Answer::to(request.body(body))
    };
    let sent = post("/api/v1/messages", "application/json", "\u{feff}{\"content\":\"hi\"}".into()).await;
    assert_eq!(sent.ok(201)["user_message"]["content"], "hi");
    let form = format!("\u{feff}username=ada&password={}", PASSWORD.replace(' ', "+"));
    post("/api/v1/auth/login", "application/x-www-form-urlencoded", form).await.ok(200);
    let inside = json!({"content": "\u{feff}hi"});
    let kept: Value = ada.send(&inside).await.ok(201)["user_message"]["content"].clone();
    assert_eq!(kept, "\u{feff}hi", "inside a text it is the client's");
    post("/api/v1/messages", "application/json", "\u{feff}".into()).await.any_problem(400);
}
