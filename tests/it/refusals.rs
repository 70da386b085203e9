//! Refusals by `decision_id`: the limit with its values as they were, at the shell, over HTTP and in the log.

use reqwest::Method;

use crate::harness::{Answer, Person, Setup, Socket, Value, World, eventually, json};

on_every_setup! {
    a_decision_leads_to_the_values_as_they_were
    a_request_id_leads_to_its_refusal
    a_refused_login_is_found_by_its_decision
    a_refusal_over_a_websocket_is_found_and_logged
    the_log_line_of_a_request_has_the_problems_code
    an_unknown_decision_is_not_found
    a_reset_clears_what_was_recorded
    a_refusal_at_the_shell_is_recorded
    only_the_latest_hundred_are_kept
}

/// Uses the limit up, and is refused under this request id.
async fn refused(ada: &Person, request_id: &str) -> Value {
    for _ in 0..2 {
        ada.say("hello").await;
    }
    let request = ada.request(Method::POST, "/api/v1/messages").header("x-request-id", request_id);
    Answer::to(request.json(&json!({"content": "hello"}))).await.problem(429, "rate_limited")
}

/// What an id leads to, once that is written.
async fn found(root: &Person, id: &str) -> Value {
    let path = format!("/api/v1/admin/rate-limit-violations/{id}");
    let answer = async || Some(root.get(&path).await).filter(|answer| answer.status == 200);
    eventually("the record", answer).await.ok(200)["items"].clone()
}

fn text<'a>(value: &'a Value, member: &str) -> &'a str {
    value[member].as_str().unwrap_or_else(|| panic!("no text `{member}` in {value}"))
}

async fn a_decision_leads_to_the_values_as_they_were(setup: Setup) {
    let (world, server, root, ada) = World::new(setup).await.limit("hourly", "messages", 2, "1h").with_people().await;
    let problem = refused(&ada, "ask-1").await;
    let items = found(&root, text(&problem, "decision_id")).await;
    let [one] = items.as_array().unwrap().as_slice() else { panic!("{items}") };
    for (member, expected) in [
        ("decision_id", &problem["decision_id"]),
        ("request_id", &json!("ask-1")),
        ("subject", &json!("user:ada")),
        ("username", &json!("ada")),
        ("rule", &json!("hourly")),
        ("count", &json!("messages")),
        ("limit", &json!(2)),
        ("used", &json!(2)),
        ("reserved", &json!(0)),
        ("requested", &json!(1)),
        ("retry_after_secs", &problem["retry_after_secs"]),
        ("code", &json!("rate_limited")),
    ] {
        assert_eq!(&one[member], expected, "{member}: {one}");
    }
    let id = text(&problem, "decision_id");
    assert_eq!(world.cli(["ratelimit", "violations", "--id", id, "--json"]).run().await.json(), items);
    let table = world.cli(["ratelimit", "violations", "--id", id]).run().await;
    assert!(table.ended(0).contains("hourly") && table.stdout.contains("user:ada"), "{table:?}");
    let line = server.said("request", |line| line["request_id"] == "ask-1").await;
    assert_eq!((text(&line, "decision_id"), text(&line, "rule")), (id, "hourly"));
    assert_eq!((text(&line, "code"), text(&line, "used"), text(&line, "limit")), ("rate_limited", "2", "2"));
    assert_eq!(line["retry_after_secs"], problem["retry_after_secs"]);
}

async fn a_request_id_leads_to_its_refusal(setup: Setup) {
    let (world, _server, root, ada) = World::new(setup).await.limit("hourly", "messages", 2, "1h").with_people().await;
    let problem = refused(&ada, "ask/2:a+b=").await;
    let items = found(&root, "ask%2F2:a+b=").await;
    assert_eq!(items[0]["decision_id"], problem["decision_id"], "{items}");
    let shown = world.cli(["ratelimit", "violations", "--id", "ask/2:a+b=", "--json"]).run().await.json();
    assert_eq!(shown, items);
}

async fn a_refused_login_is_found_by_its_decision(setup: Setup) {
    let (_world, server, root, _ada) = World::new(setup).await.limit("hourly", "messages", 2, "1h").with_people().await;
    let mut stranger = server.stranger();
    let refused = eventually("a refusal", async || {
        let answer = stranger.log_in("nobody-here", "wrong").await;
        (answer.status == 429).then_some(answer)
    })
    .await;
    let items = found(&root, text(&refused.problem(429, "rate_limited"), "decision_id")).await;
    assert_eq!(items[0]["user_id"], Value::Null, "{items}");
    assert!(text(&items[0], "rule").starts_with("login_"), "{items}");
}

async fn a_refusal_over_a_websocket_is_found_and_logged(setup: Setup) {
    let (_world, server, root, ada) = World::new(setup).await.limit("hourly", "messages", 2, "1h").with_people().await;
    refused(&ada, "ask-3").await;
    let mut socket = Socket::of(&ada).await;
    let frames = socket.send("a", "hello").await;
    let problem = frames.last().unwrap();
    let id = text(problem, "decision_id");
    assert_eq!(found(&root, id).await[0]["rule"], "hourly");
    let line = server.said("a limit refused a message", |line| line["decision_id"] == id).await;
    assert_eq!((text(&line, "code"), text(&line, "rule")), ("rate_limited", "hourly"));
}

async fn the_log_line_of_a_request_has_the_problems_code(setup: Setup) {
    let (_world, server, _root, ada) = World::new(setup).await.limit("hourly", "messages", 2, "1h").with_people().await;
    let ask = async |id: &str, body: &Value| {
        let request = ada.request(Method::POST, "/api/v1/messages").header("x-request-id", id);
        Answer::to(request.json(body)).await
    };
    ask("code-1", &json!({"content": "hello", "model": "nowhere"})).await.problem(422, "unknown_model");
    ask("code-2", &json!({"content": ""})).await.problem(422, "invalid_request");
    ask("code-3", &json!({"content": "hello"})).await.ok(201);
    server.stranger().get("/nowhere").await.problem(404, "no_such_route");
    for (id, code) in
        [("code-1", json!("unknown_model")), ("code-2", json!("invalid_request")), ("code-3", Value::Null)]
    {
        let line = server.said("request", |line| line["request_id"] == id).await;
        assert_eq!(line["code"], code, "{line}");
    }
    let line = server.said("request", |line| line["route"] == "unmatched").await;
    assert_eq!(line["code"], "no_such_route", "{line}");
}

async fn an_unknown_decision_is_not_found(setup: Setup) {
    let (world, _server, root, _ada) = World::new(setup).await.limit("hourly", "messages", 2, "1h").with_people().await;
    let nowhere = "018f0000-0000-7000-8000-000000000000";
    root.get(&format!("/api/v1/admin/rate-limit-violations/{nowhere}")).await.problem(404, "not_found");
    for odd in ["%00", "%FF", "a%20b", "%E6%97%A5"] {
        let answer = root.get(&format!("/api/v1/admin/rate-limit-violations/{odd}")).await;
        assert!((400..500).contains(&answer.status.as_u16()), "{odd}: {answer:#?}");
    }
    let shown = world.cli(["ratelimit", "violations", "--id", nowhere]).run().await;
    shown.ended(3);
    assert!(shown.stderr.contains("kept for a day"), "{shown:?}");
}

async fn a_reset_clears_what_was_recorded(setup: Setup) {
    let (world, _server, root, ada) = World::new(setup).await.limit("hourly", "messages", 2, "1h").with_people().await;
    let problem = refused(&ada, "ask-4").await;
    let id = text(&problem, "decision_id");
    found(&root, id).await;
    world.cli(["ratelimit", "reset", "ada", "--yes"]).run().await.ended(0);
    root.get(&format!("/api/v1/admin/rate-limit-violations/{id}")).await.problem(404, "not_found");
}

async fn a_refusal_at_the_shell_is_recorded(setup: Setup) {
    let world = World::migrated(setup).await.limit("hourly", "messages", 1, "1h");
    world.add_user("ada").await;
    world.cli(["chat", "--as", "ada", "hello"]).run().await.ended(0);
    let refused = world.cli(["chat", "--as", "ada", "hello", "--json"]).run().await;
    refused.ended(6);
    let problem: Value = serde_json::from_str(refused.stderr.lines().last().unwrap()).unwrap();
    let shown =
        world.cli(["ratelimit", "violations", "--id", text(&problem, "decision_id"), "--json"]).run().await.json();
    assert_eq!(shown[0]["rule"], "hourly", "{shown}");
}

async fn only_the_latest_hundred_are_kept(setup: Setup) {
    let (world, server, root, ada) = World::new(setup).await.limit("hourly", "messages", 2, "1h").with_people().await;
    let first = refused(&ada, "first").await;
    found(&root, text(&first, "decision_id")).await;
    for _ in 0..120 {
        ada.send(&json!({"content": "hello"})).await.problem(429, "rate_limited");
    }
    let last = ada.send(&json!({"content": "hello"})).await.problem(429, "rate_limited");
    found(&root, text(&last, "decision_id")).await;
    // Sweeping is due with the start of a server.
    drop(server);
    let next = world.serve().await;
    let kept = async || world.database.number("select count(*) from limit_refusals").await;
    eventually("the sweep", async || (kept().await == 100).then_some(())).await;
    let root = root.at(&next);
    root.get(&format!("/api/v1/admin/rate-limit-violations/{}", text(&first, "decision_id")))
        .await
        .problem(404, "not_found");
    assert_eq!(found(&root, text(&last, "decision_id")).await[0]["used"], 2);
}
