//! The access log and the turn log: one line for each request and each turn, with the user, the cost, and whose time it
//! was; a reader that stalls delays no request.

use std::net::TcpListener;

use reqwest::Method;

use crate::harness::{Answer, Gate, Person, Reply, Setup, Value, World, eventually, json};

on_every_setup! {
    a_request_line_tells_who_asked_and_what_it_took
    a_turn_line_tells_what_it_used_and_what_it_took
    waiting_for_the_provider_is_not_our_share
    a_client_that_disconnects_leaves_a_line
}

on_sqlite! {
    an_unread_log_delays_no_request
}

fn number(line: &Value, field: &str) -> f64 {
    line[field].as_f64().unwrap_or_else(|| panic!("no number `{field}` in {line}"))
}

async fn a_request_line_tells_who_asked_and_what_it_took(setup: Setup) {
    let (_world, server, ada) = World::new(setup).await.with_ada().await;
    let me = ada.get("/api/v1/users/me").await.ok(200);
    let request = ada.request(Method::GET, "/api/v1/conversations?limit=3").header("x-request-id", "list-1");
    Answer::to(request).await.ok(200);
    let line = server.said("request", |line| line["request_id"] == "list-1").await;
    assert_eq!(
        (&line["method"], &line["route"], &line["status"]),
        (&json!("GET"), &json!("/api/v1/conversations"), &json!(200))
    );
    assert_eq!((&line["user_id"], &line["address"]), (&me["id"], &json!(ada.address)));
    assert_eq!(line["session"].as_str().unwrap().len(), 12, "{line}");
    // One statement for the page; whether the session stands may be remembered.
    assert!((1.0..=2.0).contains(&number(&line, "db_calls")), "{line}");
    assert_eq!(number(&line, "redis_calls"), 0.0);
    let (whole, own, database) = (number(&line, "duration_ms"), number(&line, "own_ms"), number(&line, "db_ms"));
    assert!(0.0 < database && database <= whole && own == whole, "nobody waited for a provider: {line}");

    server.stranger().get("/nowhere/ada?token=x").await.any_problem(404);
    let line = server.said("request", |line| line["status"] == 404).await;
    assert_eq!((&line["route"], &line["user_id"]), (&json!("unmatched"), &Value::Null));
}

async fn a_turn_line_tells_what_it_used_and_what_it_took(setup: Setup) {
    let (_world, provider, server, ada) = World::new(setup).await.without_limits().with_provider_and_ada().await;
    // A user's first message looks up what was used before.
    ada.say("the first").await;
    provider.next(Reply::status(503)).next(Reply::text(["an ", "answer"]));
    let request = ada.request(Method::POST, "/api/v1/messages").header("x-request-id", "ask-1");
    let told = Answer::to(request.json(&json!({"content": "a question"}))).await.ok(201);
    let line = server.said("turn", |line| line["request_id"] == "ask-1").await;
    let turn = &told["turn"];
    for (field, expected) in [
        ("turn_id", &turn["id"]),
        ("conversation_id", &turn["conversation_id"]),
        ("model", &json!("fake")),
        ("provider", &json!("fake-openai")),
        ("state", &json!("completed")),
        ("attempts", &json!(2)),
        ("input_tokens", &json!(11)),
        ("output_tokens", &json!(7)),
        ("cost_usd", &json!(0.000_025)),
    ] {
        assert_eq!(&line[field], expected, "{field}: {line}");
    }
    assert!(line["user_id"].is_string() && number(&line, "first_token_ms") <= number(&line, "duration_ms"), "{line}");
    // To admit, to finish; between them a transaction that settles the first attempt and begins the second.
    match setup {
        Setup::Redis => assert_eq!((number(&line, "db_calls"), number(&line, "redis_calls")), (7.0, 3.0), "{line}"),
        Setup::Postgres | Setup::Sqlite => {
            assert!(number(&line, "db_calls") > 6.0 && line["redis_calls"] == 0, "{line}")
        }
    }
    let request = server.said("request", |line| line["request_id"] == "ask-1").await;
    assert!(number(&request, "db_calls") >= number(&line, "db_calls"), "what its turn asks is asked for it: {request}");
}

/// The time that the scripted model takes before its first word.
const DELAY_MS: f64 = 300.0;

async fn waiting_for_the_provider_is_not_our_share(setup: Setup) {
    let slow = format!("name = 'slow'\nprovider = 'mock'\nscript = {{ delay = '{DELAY_MS}ms' }}");
    let (_world, server, ada) = World::new(setup).await.add("models", &slow).with_ada().await;
    ada.send(&json!({"content": "x", "model": "slow"})).await.ok(201);
    for message in ["turn", "request"] {
        let line = server.said(message, |line| line["model"] == "slow" || line["route"] == "/api/v1/messages").await;
        let (whole, own) = (number(&line, "duration_ms"), number(&line, "own_ms"));
        assert!(0.0 < own && whole - own >= DELAY_MS, "{line}");
    }
}

async fn a_client_that_disconnects_leaves_a_line(setup: Setup) {
    let (_world, provider, server, ada) = World::new(setup).await.with_provider_and_ada().await;
    let gate = Gate::closed();
    provider.next(Reply::text(["first"]).then_wait(&gate).then(" last"));
    let request = ada.request(Method::POST, "/api/v1/messages").header("x-request-id", "gone-1");
    let waiting = tokio::spawn(Answer::to(request.json(&json!({"content": "x"}))));
    provider.called(1).await;
    waiting.abort();
    let line = server.said("request", |line| line["request_id"] == "gone-1").await;
    assert_eq!(line["status"], 499, "{line}");
    gate.open();
    let line = server.said("turn", |line| line["request_id"] == "gone-1").await;
    assert_eq!(line["state"], "completed", "the turn does not end with its client: {line}");
}

/// More lines than the pipe and the buffer before it hold together.
const MANY: usize = 6_000;

async fn an_unread_log_delays_no_request(setup: Setup) {
    let world = World::new(setup).await;
    world.cli(["migrate"]).run().await.ended(0);
    let (address, metrics) = (free_address(), free_address());
    let serve = ["serve", "--listen", &address, "--metrics-listen", &metrics];
    // Its stderr is a pipe that is not read until the end.
    let server = world.cli(serve).start();
    let stranger = Person::stranger(&format!("http://{address}"));
    let knock = async || stranger.request(Method::GET, "/livez").send().await.ok();
    eventually("the server to answer", knock).await;
    for _ in 0..MANY {
        assert_eq!(stranger.get("/livez").await.status, 200);
    }
    let scrape = Person::stranger(&format!("http://{metrics}")).request(Method::GET, "/metrics");
    let text = scrape.send().await.unwrap().text().await.unwrap();
    let dropped = text.lines().find_map(|line| line.strip_prefix("mcpchat_log_lines_dropped_total "));
    assert!(dropped.unwrap().parse::<f64>().unwrap() > 100.0, "{dropped:?}");
    server.signal("TERM");
    let end = server.end().await;
    end.ended(0);
    assert!(end.stderr.contains("lines of the log were dropped"), "it says so once it is read");
    assert!(end.stderr.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()), "no line is cut");
}

fn free_address() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}
