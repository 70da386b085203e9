//! The API and its description are the same: what is described is served and answers as it is described, what is served is
//! described, and the page that shows it loads nothing from elsewhere. That requests are held to it is in `requests`.

mod broken;
mod lawful;
mod linters;
mod requests;

use std::{collections::BTreeSet, fs, path::Path};

use reqwest::Method;

use crate::harness::{Answer, DESCRIPTION, PASSWORD, Person, Server, Setup, Value, World, eventually, json};

on_every_setup! {
    every_operation_answers_as_described
    every_described_path_has_the_described_methods
    an_operation_for_users_is_refused_to_strangers
    the_description_is_served_as_it_is_committed
}

on_sqlite! {
    the_page_asks_no_other_host
}

/// A server that lets people register.
async fn start(setup: Setup) -> (World, Server) {
    World::new(setup).await.without_limits().set("auth.registration", "open").with_server().await
}

/// The harness holds each answer to its description; here it is about all operations being there. A new one needs a line.
async fn every_operation_answers_as_described(setup: Setup) {
    let (_world, server) = start(setup).await;
    let mut ada = server.stranger();
    let account = json!({"username": "ada", "email": "ada@example.org", "password": PASSWORD});
    ada.post("/api/v1/users", &account).await.ok(201);
    ada.log_in("ada@example.org", PASSWORD).await.ok(200);
    let exchange = ada.say("What is an okapi?").await;
    let id = |pointer: &str| exchange.pointer(pointer).unwrap().as_str().unwrap();
    let conversation = format!("/api/v1/conversations/{}", id("/turn/conversation_id"));
    let (messages, turn) = (format!("{conversation}/messages"), format!("/api/v1/turns/{}", id("/turn/id")));
    let message = format!("/api/v1/messages/{}", id("/assistant_message/id"));
    let key = ada.post("/api/v1/users/me/keys", &json!({"name": "first", "scopes": ["read"]})).await.ok(201);
    let key = format!("/api/v1/users/me/keys/{}", key["id"].as_str().unwrap());
    let events = format!("{turn}/events?after=0");
    let refresh = json!({"refresh_token": ada.refresh_token});
    let password = json!({"current_password": PASSWORD, "new_password": "vexing walrus umbrella"});

    let mut unseen: BTreeSet<&str> = DESCRIPTION.operations().map(|operation| operation.id()).collect();
    // Done above; and what opens a WebSocket is tried by `websocket`.
    for id in ["users_register", "auth_login", "messages_send", "ws_chat"] {
        unseen.remove(id);
    }
    for (method, path, body) in [
        (Method::GET, "/livez", Value::Null),
        (Method::GET, "/readyz", Value::Null),
        (Method::GET, "/docs", Value::Null),
        (Method::GET, "/api/v1/openapi.json", Value::Null),
        (Method::GET, "/api/v1/users/me", Value::Null),
        (Method::GET, "/api/v1/models", Value::Null),
        (Method::POST, "/api/v1/conversations", json!({"title": "Okapis", "model": null})),
        (Method::GET, "/api/v1/conversations?limit=1", Value::Null),
        (Method::GET, &conversation, Value::Null),
        (Method::PATCH, &conversation, json!({"title": null, "system_prompt": "Be brief."})),
        (Method::GET, &messages, Value::Null),
        (Method::GET, &message, Value::Null),
        (Method::GET, "/api/v1/turns", Value::Null),
        (Method::GET, &turn, Value::Null),
        (Method::GET, &events, Value::Null),
        (Method::DELETE, &turn, Value::Null),
        (Method::DELETE, &conversation, Value::Null),
        (Method::GET, "/api/v1/users/me/keys", Value::Null),
        (Method::POST, "/api/v1/users/me/keys", json!({"name": "nightly", "scopes": ["chat"], "expires_at": null})),
        (Method::DELETE, &key, Value::Null),
        (Method::POST, "/api/v1/auth/refresh", refresh),
        (Method::PUT, "/api/v1/users/me/password", password),
        (Method::POST, "/api/v1/auth/logout", Value::Null),
    ] {
        unseen.remove(answers(&ada, &method, path, body).await.as_str());
    }
    administrations_answer_as_described(&server.admin("root").await, &mut unseen).await;
    // A stream without an end: tried by `audit`.
    unseen.remove("admin_audit_log_events");
    assert!(unseen.is_empty(), "described, and not tried here: {unseen:?}");
}

/// The same of what `root` does to ada.
async fn administrations_answer_as_described(root: &Person, unseen: &mut BTreeSet<&str>) {
    let (user, limit) = ("/api/v1/admin/users/ada", "/api/v1/admin/rate-limits/ada/out-of-reach");
    for (method, path, body) in [
        (Method::GET, "/api/v1/admin/audit-log?limit=3", Value::Null),
        (Method::GET, "/api/v1/admin/audit-log/verify", Value::Null),
        (Method::GET, "/api/v1/admin/metrics", Value::Null),
        (Method::GET, "/api/v1/admin/system-status", Value::Null),
        (Method::GET, "/api/v1/admin/service-status", Value::Null),
        (Method::GET, "/api/v1/admin/turns?state=completed&limit=1", Value::Null),
        (Method::GET, "/api/v1/admin/users?query=a&role=user&enabled=true&limit=1", Value::Null),
        (Method::POST, "/api/v1/admin/users?reason=new", json!({"username": "bob", "email": null, "role": "auditor"})),
        (Method::GET, user, Value::Null),
        (Method::POST, &format!("{user}/promote?role=auditor&reason=why"), Value::Null),
        (Method::POST, &format!("{user}/demote"), Value::Null),
        (Method::POST, &format!("{user}/disable"), Value::Null),
        (Method::POST, &format!("{user}/enable"), Value::Null),
        (Method::POST, &format!("{user}/password"), json!({})),
        (Method::POST, &format!("{user}/revoke-sessions"), Value::Null),
        (Method::GET, "/api/v1/admin/rate-limits", Value::Null),
        (Method::GET, "/api/v1/admin/rate-limits?user_id=ada", Value::Null),
        (Method::PUT, limit, json!({"max": 5, "until": null, "reason": "why"})),
        (Method::DELETE, limit, Value::Null),
        (Method::POST, "/api/v1/admin/rate-limits/reset?user_id=ada&rule=out-of-reach&reason=why", Value::Null),
        (Method::GET, "/api/v1/admin/rate-limit-violations?user_id=ada&limit=3", Value::Null),
        (Method::DELETE, user, Value::Null),
    ] {
        unseen.remove(answers(root, &method, path, body).await.as_str());
    }
    let own = &limit.replace("ada", "root");
    root.put(own, &json!({"max": 0, "until": null, "reason": "to be refused"})).await.ok(200);
    let refused = root.send(&json!({"content": "x"})).await.problem(429, "rate_limited");
    let refusal = format!("/api/v1/admin/rate-limit-violations/{}", refused["decision_id"].as_str().unwrap());
    let is_written = async || (root.get(&refusal).await.status == 200).then_some(());
    eventually("the refusal to be written", is_written).await;
    unseen.remove(answers(root, &Method::GET, &refusal, Value::Null).await.as_str());
}

/// Sends a request, and gives the name of the operation that has answered well.
async fn answers(person: &Person, method: &Method, path: &str, body: Value) -> String {
    let request = person.request(method.clone(), path);
    let answer = Answer::to(if body.is_null() { request } else { request.json(&body) }).await;
    assert!(answer.status.is_success(), "{method} {path} gave {answer:#?}");
    let plain = path.split('?').next().unwrap();
    DESCRIPTION.operation(method.as_str(), plain).expect("described").id().to_owned()
}

async fn every_described_path_has_the_described_methods(setup: Setup) {
    let (_world, server) = start(setup).await;
    let paths: BTreeSet<&str> = DESCRIPTION.operations().map(|operation| operation.path).collect();
    for path in paths {
        let answer = Answer::to(server.stranger().request(Method::TRACE, path)).await;
        let allowed = answer.headers.get("allow").map_or("", |allow| allow.to_str().unwrap());
        let served: BTreeSet<String> = allowed.split(',').map(|method| method.trim().to_lowercase()).collect();
        let mut described: BTreeSet<String> =
            DESCRIPTION.operations().filter(|one| one.path == path).map(|one| one.method.to_owned()).collect();
        if described.contains("get") {
            described.insert("head".into());
        }
        assert_eq!(served, described, "{path}: {answer:#?}");
    }
}

/// The other direction: a route comes with its description (`routes!`) or not at all.
#[test]
fn no_route_is_without_description() {
    let http = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/http");
    let mut folders = vec![http.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() {
                folders.push(entry);
                continue;
            }
            let text = fs::read_to_string(&entry).unwrap_or_default();
            // What belongs to the page, the metrics, which have a listener of their own, and what is diagnostic.
            let may = ["docs/mod.rs", "serve.rs", "ws/mod.rs"].iter().any(|file| entry.ends_with(file));
            assert!(may || !text.contains(".route(\""), "{}: use `routes!`", entry.display());
        }
    }
}

async fn an_operation_for_users_is_refused_to_strangers(setup: Setup) {
    let (_world, server) = start(setup).await;
    for operation in DESCRIPTION.operations().filter(|operation| operation.needs_login()) {
        let path = operation.path.replace("{id}", "018f0000-0000-7000-8000-000000000000");
        let method = operation.method.to_uppercase().parse().unwrap();
        let answer = Answer::to(server.stranger().request(method, &path).json(&json!({}))).await;
        answer.problem(401, "unauthenticated");
        assert!(answer.header("www-authenticate").starts_with("Bearer"), "{answer:#?}");
    }
}

async fn the_description_is_served_as_it_is_committed(setup: Setup) {
    let (_world, server) = start(setup).await;
    let served = server.stranger().get("/api/v1/openapi.json").await;
    assert_eq!(served.header("content-type"), "application/json");
    assert_eq!(served.ok(200), DESCRIPTION.document, "built before openapi.json was written anew");
}

async fn the_page_asks_no_other_host(setup: Setup) {
    let (_world, server) = start(setup).await;
    let stranger = server.stranger();
    let page = stranger.get("/docs").await;
    for asset in ["/docs", "/docs/app.js", "/docs/style.css"] {
        let answer = stranger.get(asset).await;
        assert_eq!(answer.status, 200);
        assert_eq!(
            answer.header("content-security-policy"),
            "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; \
             base-uri 'none'; frame-ancestors 'none'; form-action 'none'"
        );
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        for outside in ["http://", "https://", "@import", " url("] {
            assert!(!answer.text.contains(outside), "{asset} names something outside: {outside}");
        }
    }
    for inline in [" style=", "<style", " onclick=", "javascript:"] {
        assert!(!page.text.contains(inline), "{inline}");
    }
    assert_eq!(page.text.matches("<script").count(), page.text.matches("<script src=\"docs/").count());
    // Also without the script, all operations are on it.
    for operation in DESCRIPTION.operations() {
        let line = format!("data-path=\"{}\" data-method=\"{}\"", operation.path, operation.method);
        assert!(page.text.contains(&line), "{}", operation.id());
    }
}
