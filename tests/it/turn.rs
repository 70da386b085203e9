//! One message and its reply: the shapes on the wire, what the provider is sent, what is stored.

use reqwest::Method;

use crate::harness::{Answer, Event, Gate, Provider, Reply, Setup, Told, Value, World, eventually, json};

on_every_setup! {
    a_reply_comes_as_one_json_document
    a_reply_comes_as_a_stream
    each_delta_is_sent_as_it_comes
    an_accept_header_asks_for_a_stream
    both_dialects_give_the_same_reply
    a_conversation_is_sent_to_the_provider_in_order
    a_long_conversation_is_cut_at_its_oldest_pair
    parameters_reach_the_provider
    a_request_id_goes_through_to_the_provider
    usage_is_the_providers_or_marked_as_estimated
    every_finish_reason_has_its_word
    the_mock_answers_where_nothing_is_configured
}

/// The names of an object's members, in alphabetical order.
fn members(object: &Value) -> Vec<&str> {
    let mut names: Vec<&str> = object.as_object().unwrap().keys().map(String::as_str).collect();
    names.sort_unstable();
    names
}

async fn a_reply_comes_as_one_json_document(setup: Setup) {
    let (_world, provider, _server, ada) = World::new(setup).await.with_provider_and_ada().await;
    provider.next(Reply::text(["Hel", "lo ", "Ada"]));
    let exchange = ada.say("hello there").await;
    assert_eq!(members(&exchange), ["assistant_message", "turn", "user_message"]);
    let (turn, asked, said) = (&exchange["turn"], &exchange["user_message"], &exchange["assistant_message"]);
    assert_eq!(members(said), ["content", "conversation_id", "created_at", "id", "role", "state", "turn_id"]);
    assert_eq!((&asked["role"], &asked["content"]), (&json!("user"), &json!("hello there")));
    assert_eq!((&said["role"], &said["content"]), (&json!("assistant"), &json!("Hello Ada")));
    let names = "assistant_message_id attempts conversation_id created_at error finish_reason finished_at id model provider \
                 state usage user_message_id";
    assert_eq!(members(turn), names.split(' ').collect::<Vec<_>>());
    assert_eq!((&turn["state"], &turn["finish_reason"]), (&json!("completed"), &json!("stop")));
    assert_eq!((&turn["model"], &turn["error"]), (&json!("fake"), &Value::Null));
    assert_eq!((&turn["user_message_id"], &turn["assistant_message_id"]), (&asked["id"], &said["id"]));
    // 11 tokens in at 1 $ and 7 out at 2 $ per million.
    let usage = json!({"input_tokens": 11, "output_tokens": 7, "cached_tokens": 0, "cost_usd": 0.000_025, "source": "provider"});
    assert_eq!(turn["usage"], usage);
    assert_eq!(&ada.turn(&turn["id"]).await, turn);
    let stored = ada.get(&format!("/api/v1/messages/{}", said["id"].as_str().unwrap())).await;
    assert_eq!(&stored.ok(200), said);
    assert_eq!(ada.history(&turn["conversation_id"]).await, ["user: hello there", "assistant: Hello Ada"]);
}

async fn a_reply_comes_as_a_stream(setup: Setup) {
    let (_world, provider, _server, ada) = World::new(setup).await.with_provider_and_ada().await;
    provider.next(Reply::text(["Grüß", " dich,", " 🌍"]));
    let told = Told::whole(&ada.stream(&json!({"content": "hallo"})).await.all().await);
    assert_eq!(told.text, "Grüß dich, 🌍");
    assert_eq!(members(&told.turn), ["assistant_message_id", "conversation_id", "model", "turn_id", "user_message_id"]);
    assert_eq!(members(&told.done), ["message", "turn", "usage"]);
    assert_eq!(told.done["message"]["content"], "Grüß dich, 🌍");
    assert_eq!(told.done["message"]["id"], told.turn["assistant_message_id"]);
    assert_eq!(told.done["turn"], ada.turn(&told.turn["turn_id"]).await);
    assert_eq!(told.done["usage"], told.done["turn"]["usage"]);
    let stored = ada.history(&told.turn["conversation_id"]).await;
    assert_eq!(stored, ["user: hallo", "assistant: Grüß dich, 🌍"]);
}

async fn an_accept_header_asks_for_a_stream(setup: Setup) {
    let (_world, _provider, _server, ada) = World::new(setup).await.with_provider_and_ada().await;
    let request = ada.request(Method::POST, "/api/v1/messages").header("accept", "text/event-stream");
    let events = crate::harness::Events::of(request.json(&json!({"content": "one two"}))).await;
    assert_eq!(events.header("content-type"), Some("text/event-stream"));
    assert_eq!(Told::whole(&events.all().await).text, "one two");
}

async fn both_dialects_give_the_same_reply(setup: Setup) {
    let (_world, provider, _server, ada) = World::new(setup).await.with_provider_and_ada().await;
    for (model, upstream, path) in [("fake", "small", "/v1/chat/completions"), ("claude", "large", "/v1/messages")] {
        let message = json!({"content": "a b c", "model": model, "system_prompt": "Be brief."});
        let exchange = ada.send(&message).await.ok(201);
        assert_eq!(exchange["assistant_message"]["content"], "a b c", "{model}");
        assert_eq!(exchange["turn"]["model"], model);
        assert_eq!(exchange["turn"]["usage"]["output_tokens"], 7, "{model}");
        let call = provider.last_call();
        assert_eq!(
            (call.path.as_str(), &call.body["model"], &call.body["stream"]),
            (path, &json!(upstream), &json!(true))
        );
        assert!(call.body.to_string().contains("Be brief."), "{call:#?}");
    }
    let calls = provider.calls();
    assert_eq!(calls[0].header("authorization"), Some("Bearer sk-openai"));
    assert_eq!(calls[1].header("x-api-key"), Some("sk-anthropic"));
    assert_eq!(calls[1].header("anthropic-version"), Some("2023-06-01"));
}

async fn a_conversation_is_sent_to_the_provider_in_order(setup: Setup) {
    let (_world, provider, _server, ada) = World::new(setup).await.with_provider_and_ada().await;
    provider.next(Reply::text(["one"])).next(Reply::text(["two"])).next(Reply::text(["three"]));
    let first = ada.say("first?").await;
    let conversation = &first["turn"]["conversation_id"];
    ada.say_in(conversation, "second?").await;
    ada.say_in(conversation, "third?").await;
    let sent = ["user: first?", "assistant: one", "user: second?", "assistant: two", "user: third?"];
    assert_eq!(provider.last_call().dialogue(), sent);
    assert_eq!(provider.calls().len(), 3);
}

async fn a_long_conversation_is_cut_at_its_oldest_pair(setup: Setup) {
    let provider = Provider::start().await;
    let tight = "name = 'tight'\nprovider = 'fake-openai'\nmax_output_tokens = 100\ncontext_window = 1000";
    let (_world, _server, ada) = World::new(setup).await.provider(&provider).add("models", tight).with_ada().await;
    provider.always(Reply::text(["noted"]));
    let mut conversation = Value::Null;
    for number in 0..10 {
        let mut message = json!({"content": format!("{number} {}", "word ".repeat(200)), "model": "tight"});
        if conversation != Value::Null {
            message["conversation_id"] = conversation;
        }
        conversation = ada.send(&message).await.ok(201)["turn"]["conversation_id"].clone();
    }
    let sent = provider.last_call().dialogue();
    assert!(sent.len() >= 3 && sent.len() < 19, "some of the 19 messages are cut, not all: {}", sent.len());
    assert!(sent[0].starts_with("user: "), "a pair is never cut in two: {}", sent[0]);
    assert!(sent.last().unwrap().starts_with("user: 9 "), "the question itself is never cut");
    let numbers = sent.iter().step_by(2).map(|line| line["user: ".len()..].split(' ').next().unwrap().parse::<usize>());
    let oldest = 10 - sent.len().div_ceil(2);
    assert_eq!(numbers.map(Result::unwrap).collect::<Vec<_>>(), (oldest..10).collect::<Vec<_>>());
}

async fn parameters_reach_the_provider(setup: Setup) {
    let (_world, provider, _server, ada) = World::new(setup).await.with_provider_and_ada().await;
    let message =
        json!({"content": "x", "temperature": 0.5, "top_p": 0.25, "top_k": 40, "max_tokens": 33, "stop": ["END"]});
    ada.send(&message).await.ok(201);
    let body = provider.last_call().body;
    assert_eq!((&body["temperature"], &body["top_p"], &body["stop"]), (&json!(0.5), &json!(0.25), &json!(["END"])));
    assert_eq!(body["top_k"], 40);
    let most = if body["max_tokens"].is_null() { &body["max_completion_tokens"] } else { &body["max_tokens"] };
    assert_eq!(most, 33);
}

async fn a_request_id_goes_through_to_the_provider(setup: Setup) {
    let (_world, provider, server, ada) = World::new(setup).await.with_provider_and_ada().await;
    let request = |id: &str| ada.request(Method::POST, "/api/v1/messages").header("x-request-id", id.to_owned());
    let answer = Answer::to(request("order-66").json(&json!({"content": "x"}))).await;
    answer.ok(201);
    assert_eq!(answer.header("x-request-id"), "order-66");
    assert_eq!(provider.last_call().header("x-request-id"), Some("order-66"));
    let overlong = Answer::to(request(&"x".repeat(5000)).json(&json!({"content": "x"}))).await;
    assert!(overlong.header("x-request-id").len() < 200);
    assert_ne!(server.stranger().get("/livez").await.header("x-request-id"), "");
}

async fn usage_is_the_providers_or_marked_as_estimated(setup: Setup) {
    let (_world, provider, _server, ada) = World::new(setup).await.with_provider_and_ada().await;
    for model in ["fake", "claude"] {
        provider.next(Reply::text(["exact"]).using(Some((1000, 500))));
        let exact = ada.send(&json!({"content": "x", "model": model})).await.ok(201)["turn"]["usage"].clone();
        let numbers = (&exact["input_tokens"], &exact["output_tokens"], &exact["source"]);
        assert_eq!(numbers, (&json!(1000), &json!(500), &json!("provider")), "{model}");
        provider.next(Reply::text(["a rather ", "longer reply"]).using(None));
        let guess = ada.send(&json!({"content": "x", "model": model})).await.ok(201)["turn"]["usage"].clone();
        assert_eq!(guess["source"], "estimated", "{model}");
        assert!(
            guess["output_tokens"].as_u64().unwrap() >= 1 && guess["input_tokens"].as_u64().unwrap() >= 1,
            "{guess}"
        );
    }
}

async fn every_finish_reason_has_its_word(setup: Setup) {
    let (_world, provider, _server, ada) = World::new(setup).await.with_provider_and_ada().await;
    for model in ["fake", "claude"] {
        for reason in ["stop", "length", "content_filter", "tool_calls"] {
            provider.next(Reply::text(["cut"]).finishing(reason));
            let turn = ada.send(&json!({"content": "x", "model": model})).await.ok(201)["turn"].clone();
            assert_eq!((&turn["finish_reason"], &turn["state"]), (&json!(reason), &json!("completed")), "{model}");
        }
    }
}

async fn the_mock_answers_where_nothing_is_configured(setup: Setup) {
    let (_world, _server, ada) = World::new(setup).await.with_ada().await;
    let models = ada.get("/api/v1/models").await.ok(200);
    assert!(models.to_string().contains("mock/echo"), "{models}");
    let events: Vec<Event> = ada.stream(&json!({"content": "one two three"})).await.all().await;
    let told = Told::whole(&events);
    assert_eq!((told.text.as_str(), &told.turn["model"]), ("one two three", &json!("mock/echo")));
    assert!(events.len() > 3, "not in one piece: {events:?}");
    assert_eq!(told.done["usage"]["source"], "provider");
}

async fn each_delta_is_sent_as_it_comes(setup: Setup) {
    let (_world, provider, _server, ada) = World::new(setup).await.with_provider_and_ada().await;
    let gate = Gate::closed();
    provider.next(Reply::text(["one"]).then_wait(&gate).then(" two").then_wait(&gate).then(" three"));
    let mut events = ada.stream(&json!({"content": "count"})).await;
    events.expect("turn").await;
    for text in ["one", " two", " three"] {
        assert_eq!(events.expect("delta").await["text"], text);
        gate.step();
    }
    events.expect("done").await;
    assert!(events.next().await.is_none());
    eventually("the reply to be handed over", async || provider.last_call().finished.then_some(())).await;
}
