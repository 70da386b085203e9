//! The context window: a conversation that outgrows it goes on, whatever a token is, and the user is told only where
//! the newest message alone is too long.

use crate::harness::{Call, Person, Provider, Reply, Server, Setup, Value, World, json};

on_every_setup! {
    a_conversation_goes_on_where_every_byte_is_a_token
    a_conversation_survives_a_window_smaller_than_said
    a_message_that_is_too_long_alone_is_the_users
    a_reservation_knows_the_conversation
}

/// What the model reads and writes together, in tokens of one byte.
const WINDOW: usize = 512;
const LONGEST_ANSWER: usize = 64;

fn bytes(call: &Call) -> usize {
    call.dialogue().iter().map(|line| line.len()).sum()
}

/// Answers with 24 bytes, or says that it cannot read so much.
async fn one_byte_a_token() -> Provider {
    let provider = Provider::start().await;
    provider.answers(|call| {
        let sent = bytes(call);
        if sent + LONGEST_ANSWER > WINDOW {
            let message = format!("This model's maximum context length is {WINDOW} tokens; you sent {sent}.");
            let error = json!({"error": {"message": message, "type": "invalid_request_error", "code": "context_length_exceeded"}});
            return Reply::raw("application/json", error.to_string()).with_status(400);
        }
        Reply::text(["an answer of 24 letters."]).using(Some((sent as u64, 24)))
    });
    provider
}

async fn start(world: World, provider: &Provider, context_window: usize) -> (World, Server, Person) {
    let address = provider.address();
    world
        .add("providers", &format!("name = 'p'\nkind = 'openai'\nbase_url = 'http://{address}/v1'\napi_key = 'sk-x'"))
        .add(
            "models",
            &format!(
                "name = 'm'\nprovider = 'p'\ncontext_window = {context_window}\nmax_output_tokens = {LONGEST_ANSWER}"
            ),
        )
        .with_ada()
        .await
}

/// Says thirty things of sixty bytes in one conversation.
async fn say_thirty(ada: &Person, provider: &Provider) -> Value {
    let mut conversation = ada.say(&"x".repeat(60)).await["turn"]["conversation_id"].clone();
    for number in 1..30 {
        let content = format!("{number:02} {}", "x".repeat(57));
        conversation = ada.say_in(&conversation, &content).await["turn"]["conversation_id"].clone();
        assert_eq!(provider.last_call().question(), content);
    }
    conversation
}

async fn a_conversation_goes_on_where_every_byte_is_a_token(setup: Setup) {
    let provider = one_byte_a_token().await;
    let (_world, _server, ada) = start(World::new(setup).await.without_limits(), &provider, WINDOW).await;
    let conversation = say_thirty(&ada, &provider).await;
    let refused = provider.calls().len() - 30;
    assert!(refused <= 3, "what the provider counts is learned from: {refused} calls were too long");
    assert!(provider.last_call().dialogue().len() >= 5, "as much of the past is sent as fits");
    assert_eq!(ada.history(&conversation).await.len(), 50, "a page; nothing is lost from what is stored");
}

async fn a_conversation_survives_a_window_smaller_than_said(setup: Setup) {
    let provider = one_byte_a_token().await;
    let (world, _server, ada) = start(World::new(setup).await.without_limits(), &provider, 128_000).await;
    say_thirty(&ada, &provider).await;
    let refused = provider.calls().len() - 30;
    assert!((1..=12).contains(&refused), "{refused} calls were too long");
    let noted = "select count(*) from attempts where error_code = 'context_too_long'";
    assert_eq!(world.database.number(noted).await, refused as i64, "each is an attempt");
}

async fn a_message_that_is_too_long_alone_is_the_users(setup: Setup) {
    let provider = one_byte_a_token().await;
    let (_world, _server, ada) = start(World::new(setup).await.without_limits(), &provider, WINDOW).await;
    let conversation = ada.say("hello").await["turn"]["conversation_id"].clone();
    ada.say_in(&conversation, "hello again").await;
    let before = provider.calls().len();
    let long = json!({"content": "x".repeat(600), "conversation_id": conversation});
    ada.send(&long).await.problem(422, "context_too_long");
    assert!(provider.calls().len() - before <= 2, "it is asked again once");
    // By our own count, too: without a call.
    let longer = json!({"content": "x".repeat(60_000), "conversation_id": conversation});
    let before = provider.calls().len();
    ada.send(&longer).await.problem(422, "context_too_long");
    assert_eq!(provider.calls().len(), before);
    ada.say_in(&conversation, "y").await;
}

async fn a_reservation_knows_the_conversation(setup: Setup) {
    let provider = one_byte_a_token().await;
    let world = World::new(setup).await.limit("budget", "tokens", 1_000, "day");
    let (_world, _server, ada) = start(world, &provider, WINDOW).await;
    let conversation = ada.say(&"x".repeat(200)).await["turn"]["conversation_id"].clone();
    let asked = json!({"content": "x".repeat(40), "conversation_id": conversation, "max_tokens": 64});
    for _ in 0..5 {
        let answer = ada.send(&asked).await;
        if answer.status == 201 {
            continue;
        }
        // Ten tokens by our rule are about thirty of the provider's; the rest is the history and the reply.
        let reservation = answer.problem(429, "rate_limited")["reservation"].as_u64().unwrap();
        assert!((230 + 30 + 64..=512 + 64).contains(&reservation), "{reservation}");
        return;
    }
    panic!("five answers cost more than the budget");
}
