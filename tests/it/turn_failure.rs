//! Failures of the provider: what is tried again, how the turn ends, and that its conversation is free afterwards.

use std::time::Duration;

use crate::harness::{Event, Person, Provider, Reply, Setup, Value, World, json, told};

on_every_setup! {
    a_failed_provider_is_asked_up_to_three_times
    what_the_provider_refuses_for_good_is_asked_once
    a_provider_that_says_when_to_come_back_is_obeyed
    a_turn_failing_before_its_first_word_is_an_error
    a_turn_broken_after_its_first_word_is_not_retried
    html_with_status_200_is_a_failure_and_not_a_reply
    a_redirect_is_not_followed
    a_failure_frees_the_conversation
    a_silent_provider_is_given_up
    every_provider_call_leaves_one_attempt
    a_context_too_long_is_told_as_the_requests_fault
}

/// The only conversation's only turn.
async fn only_turn(ada: &Person) -> Value {
    let conversations = ada.get("/api/v1/conversations").await.ok(200)["items"].clone();
    assert_eq!(conversations.as_array().unwrap().len(), 1, "{conversations}");
    let messages = format!("/api/v1/conversations/{}/messages", conversations[0]["id"].as_str().unwrap());
    let messages = ada.get(&messages).await.ok(200)["items"].clone();
    ada.turn(&messages[0]["turn_id"]).await
}

/// A failed answer says so as a gateway does.
fn is_upstream_failure(problem: &Value) -> bool {
    [502, 503, 504].map(|status| json!(status)).contains(&problem["status"])
}

async fn a_failed_provider_is_asked_up_to_three_times(setup: Setup) {
    let (_world, provider, _server, ada) = World::new(setup).await.with_provider_and_ada().await;
    for first in [Reply::status(500), Reply::hang_up()] {
        provider.next(first).next(Reply::status(500)).next(Reply::text(["at last"]));
        let before = provider.calls().len();
        let exchange = ada.say("try").await;
        assert_eq!(exchange["assistant_message"]["content"], "at last");
        assert_eq!(exchange["turn"]["usage"]["output_tokens"], 7, "counted once");
        assert_eq!(provider.calls().len() - before, 3);
    }
}

async fn what_the_provider_refuses_for_good_is_asked_once(setup: Setup) {
    let (_world, provider, _server, ada) = World::new(setup).await.with_provider_and_ada().await;
    for (calls, status) in [400, 401, 404, 422].into_iter().enumerate() {
        provider.next(Reply::status(status));
        let answer = ada.send(&json!({"content": "no"})).await;
        assert!(answer.status.is_server_error(), "the caller has done nothing wrong: {answer:#?}");
        assert_eq!(provider.calls().len(), calls + 1, "{status}");
    }
}

async fn a_provider_that_says_when_to_come_back_is_obeyed(setup: Setup) {
    let (_world, provider, _server, ada) = World::new(setup).await.with_provider_and_ada().await;
    for status in [429, 503] {
        provider.next(Reply::status(status).header("retry-after", "1")).next(Reply::text(["now"]));
        assert_eq!(ada.say("later").await["assistant_message"]["content"], "now");
        let calls = provider.calls();
        let [.., refused, answered] = calls.as_slice() else { panic!("two calls: {calls:#?}") };
        assert!(answered.at - refused.at >= Duration::from_secs(1), "{status}: came back too early");
    }
}

async fn a_turn_failing_before_its_first_word_is_an_error(setup: Setup) {
    let (_world, provider, _server, ada) = World::new(setup).await.with_provider_and_ada().await;
    provider.always(Reply::status(500));
    let answer = ada.send(&json!({"content": "unlucky"})).await;
    let problem = answer.any_problem(answer.status.as_u16());
    assert!(is_upstream_failure(&problem), "{problem}");
    assert!(!answer.text.contains("sk-openai"), "the key is in the answer");
    assert_eq!(provider.calls().len(), 3);
    let turn = only_turn(&ada).await;
    assert_eq!((&turn["state"], &turn["finish_reason"]), (&json!("failed"), &json!("error")));
    assert_eq!(turn["error"]["code"], problem["code"], "{turn}");
    assert!(turn["finished_at"].is_string(), "{turn}");
    assert_eq!(ada.history(&turn["conversation_id"]).await[0], "user: unlucky", "the message is kept");
}

async fn a_turn_broken_after_its_first_word_is_not_retried(setup: Setup) {
    let (_world, provider, _server, ada) = World::new(setup).await.with_provider_and_ada().await;
    for model in ["fake", "claude"] {
        provider.next(Reply::text(["half a ", "sentence"]).then_break());
        let before = provider.calls().len();
        let events: Vec<Event> = ada.stream(&json!({"content": "tell", "model": model})).await.all().await;
        assert_eq!(
            events.iter().map(|event| event.id).collect::<Vec<_>>(),
            (1..=events.len() as u64).collect::<Vec<_>>()
        );
        assert_eq!(told(&events), "half a sentence");
        let last = events.last().unwrap();
        assert_eq!(last.name, "error", "{last:?}");
        assert!(is_upstream_failure(&last.data), "{last:?}");
        assert_eq!(provider.calls().len() - before, 1, "{model}");
        let turn = ada.turn(&events[0].data["turn_id"]).await;
        assert_eq!((&turn["state"], &turn["usage"]["source"]), (&json!("failed"), &json!("partial")), "{turn}");
        let path = format!("/api/v1/messages/{}", turn["assistant_message_id"].as_str().unwrap());
        let partial = ada.get(&path).await.ok(200);
        assert_eq!((&partial["content"], &partial["state"]), (&json!("half a sentence"), &json!("partial")));
    }
}

async fn html_with_status_200_is_a_failure_and_not_a_reply(setup: Setup) {
    let (_world, provider, _server, ada) = World::new(setup).await.with_provider_and_ada().await;
    provider.always(Reply::raw("text/html", "<html><body>Welcome to the proxy</body></html>"));
    for model in ["fake", "claude"] {
        let answer = ada.send(&json!({"content": "x", "model": model})).await;
        assert!(is_upstream_failure(&answer.any_problem(answer.status.as_u16())), "{answer:#?}");
    }
}

async fn a_redirect_is_not_followed(setup: Setup) {
    let (_world, provider, _server, ada) = World::new(setup).await.with_provider_and_ada().await;
    let elsewhere = Provider::start().await;
    let target = format!("http://{}/v1/chat/completions", elsewhere.address());
    provider.always(Reply::status(307).header("location", target));
    let answer = ada.send(&json!({"content": "x"})).await;
    assert!(is_upstream_failure(&answer.any_problem(answer.status.as_u16())), "{answer:#?}");
    assert!(elsewhere.calls().is_empty(), "the key was sent elsewhere");
}

async fn a_failure_frees_the_conversation(setup: Setup) {
    let (_world, provider, _server, ada) = World::new(setup).await.with_provider_and_ada().await;
    let conversation = ada.say("fine").await["turn"]["conversation_id"].clone();
    provider.next(Reply::status(400));
    let message = json!({"content": "breaks", "conversation_id": conversation});
    assert!(ada.send(&message).await.status.is_server_error());
    assert_eq!(ada.say_in(&conversation, "again").await["assistant_message"]["content"], "again");
    // What a failed turn leaves behind must not bring two user messages in a row before the provider.
    let roles: Vec<String> = provider.last_call().dialogue().iter().map(|line| line[..4].to_owned()).collect();
    assert!(roles.windows(2).all(|pair| pair[0] != pair[1]), "{:#?}", provider.last_call().dialogue());
}

async fn a_silent_provider_is_given_up(setup: Setup) {
    let provider = Provider::start().await;
    let address = provider.address();
    let hasty = format!(
        "name = 'hasty'\nkind = 'openai'\nbase_url = 'http://{address}/v1'\napi_key = 'k'\n\
         timeouts = {{ connect = '1s', first_token = '200ms', idle = '200ms', total = '10s' }}"
    );
    let model = "name = 'hasty'\nprovider = 'hasty'\nmax_output_tokens = 64";
    let (_world, _server, ada) = World::new(setup).await.add("providers", &hasty).add("models", model).with_ada().await;
    let never = crate::harness::Gate::closed();
    provider.next(Reply::text(["a word, then"]).then_wait(&never).then("nothing"));
    let events = ada.stream(&json!({"content": "x"})).await.all().await;
    assert_eq!((told(&events).as_str(), events.last().unwrap().name.as_str()), ("a word, then", "error"));
    assert!(provider.last_call().dropped, "the connection is not left open");
    provider.always(Reply::text([]).then_wait(&never).then("nothing"));
    let answer = ada.send(&json!({"content": "x"})).await;
    assert!(is_upstream_failure(&answer.any_problem(answer.status.as_u16())), "{answer:#?}");
}

async fn every_provider_call_leaves_one_attempt(setup: Setup) {
    let (world, provider, _server, ada) = World::new(setup).await.with_provider_and_ada().await;
    provider.next(Reply::status(500));
    ada.say("twice").await;
    assert_eq!(provider.calls().len(), 2);
    assert_eq!(world.database.number("select count(*) from attempts").await, 2);
    let settled = "select count(*) from attempts where usage_source = 'provider' and output_tokens = 7";
    assert_eq!(world.database.number(settled).await, 1);
}

/// An error's body with a status, as servers and gateways word it.
fn refusal(status: u16, body: &str) -> Reply {
    Reply { status, ..Reply::raw("application/json", body) }
}

async fn a_context_too_long_is_told_as_the_requests_fault(setup: Setup) {
    let (_world, provider, _server, ada) = World::new(setup).await.with_provider_and_ada().await;
    for (status, body, said) in [
        (
            400,
            r#"{"error":{"code":400,"message":"request (2123 tokens) exceeds the available context size (512 tokens), try increasing it","type":"exceed_context_size_error","n_prompt_tokens":2123,"n_ctx":512}}"#,
            "exceeds the available context size",
        ),
        (
            400,
            r#"[{"error": {"code": 400, "message": "This model's maximum context length is 8192 tokens.", "status": "INVALID_ARGUMENT"}}]"#,
            "maximum context length is 8192",
        ),
        (
            500,
            r#"{"error":{"message":"litellm.ContextWindowExceededError: it is too big","type":null,"code":"500"}}"#,
            "it is too big",
        ),
        (
            422,
            r#"{"error":"Input validation error: `inputs` must have less than 9 tokens","error_type":"validation"}"#,
            "less than 9",
        ),
        (
            400,
            r#"{"error":{"message":"Provider returned error","code":400,"metadata":{"raw":"{\"error\":{\"message\":\"prompt is too long\"}}"}}}"#,
            "prompt is too long",
        ),
    ] {
        for model in ["fake", "claude"] {
            provider.always(refusal(status, body));
            let problem = ada.send(&json!({"content": "x", "model": model})).await.any_problem(422);
            assert_eq!(problem["code"], "context_too_long", "{body}");
            assert!(problem["detail"].as_str().unwrap().contains(said), "{problem}");
        }
    }
}
