//! What an operator can say about a provider and its models: names as they are, headers for a gateway, calls at once, thoughts in
//! the text; and what the operator is told when a provider fails, and users not.

use std::time::Duration;

use crate::harness::{Gate, Provider, Reply, Setup, Value, World, json, told};

on_every_setup! {
    inline_reasoning_is_never_shown_stored_or_sent
    calls_at_once_are_bounded_and_wait_their_turn
    users_are_told_less_of_a_failure_than_operators
}

on_sqlite! {
    a_model_may_have_any_name_upstream
    headers_are_sent_and_never_printed
    what_the_request_sets_itself_is_no_header
    a_wait_for_time_is_obeyed_in_every_form
    a_sent_request_is_not_retried_after_a_timeout
    the_shell_tells_why_a_provider_is_not_set_up_right
}

/// A provider `p` of the fake, and a model `m` of it.
fn with_model(world: World, provider: &Provider, of_provider: &str, of_model: &str) -> World {
    let base = format!("http://{}/v1", provider.address());
    let p = format!("name = 'p'\nkind = 'openai'\nbase_url = '{base}'\napi_key = 'sk-openai'\n{of_provider}");
    world.add("providers", &p).add("models", &format!("name = 'm'\nprovider = 'p'\n{of_model}")).without_limits()
}

async fn inline_reasoning_is_never_shown_stored_or_sent(setup: Setup) {
    let provider = Provider::start().await;
    let world = World::new(setup).await.provider(&provider);
    let (_world, _server, ada) = with_model(world, &provider, "", "inline_reasoning = {}").with_ada().await;
    provider.always(Reply::text(["<th", "ink>a sec", "ret</thi", "nk>\n\n", "4", "2 <", "b>"]));
    let events = ada.stream(&json!({"content": "6 * 7?", "model": "m"})).await.all().await;
    assert_eq!(told(&events), "42 <b>");
    let conversation = events[0].data["conversation_id"].clone();
    assert_eq!(ada.history(&conversation).await, ["user: 6 * 7?", "assistant: 42 <b>"]);
    ada.say_in(&conversation, "sure?").await;
    assert_eq!(provider.last_call().dialogue(), ["user: 6 * 7?", "assistant: 42 <b>", "user: sure?"]);
    assert_eq!(events.last().unwrap().data["usage"]["output_tokens"], 7, "thoughts are paid for");
    let plain = ada.send(&json!({"content": "6 * 7?", "model": "fake"})).await.ok(201);
    assert!(plain["assistant_message"]["content"].as_str().unwrap().contains("<think>a secret</think>"), "{plain}");
}

async fn calls_at_once_are_bounded_and_wait_their_turn(setup: Setup) {
    let (provider, gate) = (Provider::start().await, Gate::closed());
    let options = "max_concurrent = 1\ntimeouts = { queue = '30s' }";
    let world = with_model(World::new(setup).await, &provider, options, "");
    let base = format!("http://{}/v1", provider.address());
    let hasty = "max_concurrent = 1\ntimeouts = { queue = '50ms' }";
    let world = world
        .add("providers", &format!("name = 'hasty'\nkind = 'openai'\nbase_url = '{base}'\napi_key = 'k'\n{hasty}"))
        .add("models", "name = 'hasty'\nprovider = 'hasty'");
    let (_world, server, ada) = world.with_ada().await;
    for model in ["m", "hasty"] {
        provider.next(Reply::text(["first "]).then_wait(&gate).then("answer"));
        let before = provider.calls().len();
        let mut first = ada.stream(&json!({"content": "x", "model": model})).await;
        first.expect("turn").await;
        first.expect("delta").await;
        let mut second = ada.stream(&json!({"content": "y", "model": model})).await;
        second.expect("turn").await;
        if model == "hasty" {
            let problem = second.expect("error").await;
            assert_eq!((&problem["code"], &problem["status"]), (&json!("provider_busy"), &json!(503)), "{problem}");
            let said = "one call at once, and none ended within 50ms";
            assert!(problem["detail"].as_str().unwrap().contains(said), "{problem}");
            continue;
        }
        assert_eq!(provider.calls().len() - before, 1, "the second waits");
        gate.step();
        assert_eq!(told(&first.all().await), "answer", "the rest of it");
        assert_eq!(told(&second.all().await), "y");
        let line = server.said("turn", |line| line["model"] == "m" && line["queue_ms"] != 0.0).await;
        assert!(line["queue_ms"].as_f64().unwrap() > 0.0, "{line}");
    }
    gate.open();
}

/// As a server answers that shows its insides, and repeats the request.
const BROKEN: &str =
    r#"{"error":{"message":"Traceback: File \"/srv/llm/app.py\", line 7, grammar of a schema","type":"server_error"}}"#;
const ECHO: &str = r#"{"error":{"message":"cannot tokenize 'my account number is 4711-0815'"}}"#;
const WRONG_KEY: &str = r#"{"error":{"message":"Invalid API Key: sk-openai","code":"invalid_api_key"}}"#;

async fn users_are_told_less_of_a_failure_than_operators(setup: Setup) {
    let (world, provider) = World::new(setup).await.without_limits().with_provider().await;
    let (world, server, root, ada) = world.with_people().await;
    let url = format!("provider `fake-openai`, http://{}/v1/chat/completions", provider.address());
    for (status, body, hidden, told) in [
        (500, BROKEN, "app.py", "500: Traceback: File \"/srv/llm/app.py\""),
        (401, WRONG_KEY, "Invalid API Key", "401: Invalid API Key: ***"),
        (500, ECHO, "4711", "it failed with status 500; its words repeat a message"),
    ] {
        provider.always(Reply { status, ..Reply::raw("application/json", body) });
        let content = "my account number is 4711-0815, what is the balance?";
        let answer = ada.send(&json!({"content": content})).await;
        let problem = answer.any_problem(answer.status.as_u16());
        assert!(!answer.text.contains(hidden) && !answer.text.contains("fake-openai"), "{problem}");
        let turn = &root.get("/api/v1/admin/turns?limit=1").await.ok(200)["items"][0];
        let cause = turn["cause"].as_str().unwrap_or_else(|| panic!("no cause: {turn}"));
        assert!(cause.starts_with(&url) && cause.contains(told), "{cause}");
        assert!(ada.turn(&turn["id"]).await.get("cause").is_none());
        let line = server.said("turn", |line| line["turn_id"] == turn["id"]).await;
        assert_eq!(line["cause"], turn["cause"], "{line}");
        let shown = world.cli(["turn", "show", turn["id"].as_str().unwrap()]).run().await;
        assert!(shown.ended(0).contains(told), "{shown:#?}");
    }
}

/// Names as they are given by fine-tuning, by Bedrock, by a Hugging Face cache, by a file.
const NAMES: [&str; 4] = [
    "ft:gpt-4o-mini-2024-07-18:my-organization-name:support-tone-v2:AbCdEfGh",
    "arn:aws:bedrock:eu-central-1:123456789012:inference-profile/eu.anthropic.claude-sonnet-4-5-20250929-v1:0",
    "/home/llm/.cache/huggingface/hub/models--x--y/snapshots/0123456789abcdef0123456789abcdef01234567/",
    "Llama 3 (8B, Q4_K_M) für Ämter.gguf",
];

async fn a_model_may_have_any_name_upstream(setup: Setup) {
    let provider = Provider::start().await;
    for name in NAMES.map(str::to_owned).into_iter().chain(["x".repeat(512)]) {
        let world = with_model(World::new(setup).await, &provider, "", &format!("upstream_name = \"{name}\""));
        world.cli(["config", "check"]).run().await.ended(0);
        world.cli(["chat", "-m", "m", "hi"]).run().await.ended(0);
        assert_eq!(provider.last_call().body["model"], name);
    }
    for name in ["", " ", "a\\nb", "a\\u0000", &"x".repeat(513)] {
        let world = with_model(World::new(setup).await, &provider, "", &format!("upstream_name = \"{name}\""));
        let refused = world.cli(["config", "check"]).run().await;
        refused.ended(9);
        assert!(refused.stderr.contains("the provider's own name"), "{refused:#?}");
    }
}

async fn headers_are_sent_and_never_printed(setup: Setup) {
    let provider = Provider::start().await;
    let headers = "headers = { x-portkey-provider = 'openai', X-Gateway-Token = { env = 'GATEWAY' } }";
    let world = with_model(World::new(setup).await, &provider, headers, "");
    let cli = |arguments: &[&'static str]| world.cli(arguments.iter().copied()).env("GATEWAY", "gateway-token-4711");
    cli(&["chat", "-m", "m", "hi"]).run().await.ended(0);
    let call = provider.last_call();
    assert_eq!(call.header("x-portkey-provider"), Some("openai"));
    assert_eq!(call.header("x-gateway-token"), Some("gateway-token-4711"));
    assert_eq!(call.header("authorization"), Some("Bearer sk-openai"));
    let shown = cli(&["config", "show"]).run().await;
    assert!(shown.ended(0).contains("x-portkey-provider") && !shown.stdout.contains("4711"), "{shown:#?}");
    // A gateway that repeats what it was sent.
    let body = json!({"error": {"message": "no access for gateway-token-4711"}});
    provider.always(Reply { status: 401, ..Reply::raw("application/json", body.to_string()) });
    let refused = cli(&["chat", "-m", "m", "hi"]).run().await;
    refused.ended(5);
    assert!(refused.stderr.contains("no access for ***") && !refused.stderr.contains("4711"), "{refused:#?}");
}

async fn what_the_request_sets_itself_is_no_header(setup: Setup) {
    let provider = Provider::start().await;
    for header in
        ["Authorization = 'x'", "x-api-key = 'x'", "HOST = 'x'", "Content-Length = '1'", "transfer-encoding = 'x'"]
    {
        let world = with_model(World::new(setup).await, &provider, &format!("headers = {{ {header} }}"), "");
        let refused = world.cli(["config", "check"]).run().await;
        refused.ended(9);
        assert!(refused.stderr.contains("is set by the request itself"), "{refused:#?}");
    }
    for (header, says) in [
        ("'a b' = 'x'", "not the name of a header"),
        ("x = \"a\\r\\nb: c\"", "no header can carry"),
        ("x = ''", "the secret is empty"),
        ("x = 7", "expected a secret"),
    ] {
        let world = with_model(World::new(setup).await, &provider, &format!("headers = {{ {header} }}"), "");
        let refused = world.cli(["config", "check"]).run().await;
        refused.ended(9);
        assert!(refused.stderr.contains(says), "{refused:#?}");
    }
}

async fn a_wait_for_time_is_obeyed_in_every_form(setup: Setup) {
    let (_world, provider, _server, ada) = World::new(setup).await.without_limits().with_provider_and_ada().await;
    for (name, value) in [("retry-after", "1.2"), ("retry-after-ms", "1200"), ("llm_provider-retry-after", "1.2")] {
        provider.next(Reply::status(429).header(name, value)).next(Reply::text(["now"]));
        ada.say("later").await;
        let calls = provider.calls();
        let [.., refused, answered] = calls.as_slice() else { panic!("two calls: {calls:#?}") };
        assert!(answered.at - refused.at >= Duration::from_millis(1200), "{name}: came back too early");
    }
    provider.always(Reply::status(429).header("retry-after", "45.2"));
    let problem = ada.send(&json!({"content": "x"})).await.any_problem(503);
    assert_eq!(problem["retry_after_secs"], 46, "{problem}");
}

async fn a_sent_request_is_not_retried_after_a_timeout(setup: Setup) {
    let (provider, never) = (Provider::start().await, Gate::closed());
    let hasty = "timeouts = { first_token = '200ms', idle = '200ms', total = '20s' }";
    let world = with_model(World::new(setup).await, &provider, hasty, "");
    provider.always(Reply::text([]).then_wait(&never).then("nothing"));
    let late = world.cli(["chat", "-m", "m", "hi"]).run().await;
    late.ended(7);
    assert!(late.stderr.contains("gave no text within 200ms"), "{late:#?}");
    assert_eq!(provider.calls().len(), 1, "the server may still be at work on the first call");
}

async fn the_shell_tells_why_a_provider_is_not_set_up_right(setup: Setup) {
    let provider = Provider::start().await;
    let world = with_model(World::new(setup).await, &provider, "", "");
    let url = format!("provider `p`, http://{}/v1/chat/completions: ", provider.address());
    for (status, body, words) in [
        (401, WRONG_KEY, "the provider answered 401: Invalid API Key: ***"),
        (404, r#"{"detail":"No fixture matched"}"#, "the provider answered 404: No fixture matched"),
        (500, BROKEN, "the provider answered 500: Traceback: File \"/srv/llm/app.py\""),
    ] {
        provider.always(Reply { status, ..Reply::raw("application/json", body) });
        let text = world.cli(["chat", "-m", "m", "hi"]).run().await;
        assert!(text.stderr.contains(&url) && text.stderr.contains(words), "{text:#?}");
        assert!(!text.stderr.contains("sk-openai"), "{text:#?}");
        let json = world.cli(["chat", "-m", "m", "--json", "hi"]).run().await;
        let problem: Value = serde_json::from_str(json.stderr.lines().last().unwrap()).unwrap();
        assert!(problem["cause"].as_str().unwrap().contains(words), "{problem}");
    }
}
