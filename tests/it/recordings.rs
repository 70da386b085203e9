//! Streams as the providers document them, played over the wire: what the user gets, and what is stored.

use crate::harness::{Provider, Reply, Setup, World, json};

on_every_setup! { a_documented_stream_ends_as_it_should_and_is_stored }

/// The model that speaks like the provider, the recording, its text, and how the turn ends.
const RECORDINGS: [(&str, &str, &str, &str); 28] = [
    ("fake", "openai/text", "Hello wörld 🦀\n\"quoted\" \\ \u{1} 你好", "stop"),
    ("fake", "openai/escapes", "café 🦀 \u{fffd}", "stop"),
    ("fake", "openai/usage_with_finish", "Hi there", "stop"),
    ("fake", "openai/usage_in_every_chunk", "Hi there", "stop"),
    ("fake", "openai/no_usage", "Hi", "stop"),
    ("fake", "openai/length", "Once upon a", "length"),
    ("fake", "openai/content_filter", "I would", "content_filter"),
    ("fake", "openai/refusal", "I'm sorry, I can't help with that.", "content_filter"),
    ("fake", "openai/tool_calls", "", "tool_calls"),
    ("fake", "openai/reasoning", "Hi!", "stop"),
    ("fake", "openai/comments", "Hi", "stop"),
    ("fake", "openai/several_data_lines", "Hi", "stop"),
    ("fake", "openai/error_midway", "Half of", "error"),
    ("fake", "openai/error_event", "", "error"),
    ("fake", "openai/error_as_finish", "", "error"),
    ("fake", "openai/never_finished", "Half of it", "error"),
    ("claude", "anthropic/text", "Hello wörld 🦀\n\"!\"", "stop"),
    ("claude", "anthropic/cached", "Hi", "stop"),
    ("claude", "anthropic/thinking", "12231", "stop"),
    ("claude", "anthropic/tool_use", "Okay, let me check.", "tool_calls"),
    ("claude", "anthropic/refusal", "I can't", "content_filter"),
    ("claude", "anthropic/max_tokens", "Once upon a", "length"),
    ("claude", "anthropic/stop_sequence", "one, two", "stop"),
    ("claude", "anthropic/unknown_events", "Hi!", "stop"),
    ("claude", "anthropic/nameless", "Hi", "stop"),
    ("claude", "anthropic/error_midway", "Half of", "error"),
    ("claude", "anthropic/error_first", "", "error"),
    ("claude", "anthropic/never_finished", "Half of", "error"),
];

async fn a_documented_stream_ends_as_it_should_and_is_stored(setup: Setup) {
    let provider = Provider::start().await;
    let world = World::new(setup).await.provider(&provider).without_limits();
    let server = world.serve().await;
    let ada = server.person("ada").await;
    for (model, recording, text, reason) in RECORDINGS {
        let path = format!("{}/tests/fixtures/{recording}.sse", env!("CARGO_MANIFEST_DIR"));
        provider.always(Reply::raw("text/event-stream", std::fs::read_to_string(path).unwrap()));
        let events = ada.stream(&json!({"content": recording, "model": model})).await.all().await;
        let turn = ada.turn(&events[0].data["turn_id"]).await;
        let seen: String = events.iter().filter_map(|event| event.data["text"].as_str()).collect();
        let last = events.last().unwrap();
        let ending = if reason == "error" { ("error", "failed", "partial") } else { ("done", "completed", "complete") };
        assert_eq!((seen.as_str(), last.name.as_str()), (text, ending.0), "{recording}");
        assert_eq!((&turn["finish_reason"], &turn["state"]), (&json!(reason), &json!(ending.1)), "{recording}");
        if text.is_empty() && reason == "error" {
            assert_eq!(ada.history(&turn["conversation_id"]).await, [format!("user: {recording}")]);
            continue;
        }
        let path = format!("/api/v1/messages/{}", turn["assistant_message_id"].as_str().unwrap());
        let reply = ada.get(&path).await.ok(200);
        assert_eq!((&reply["content"], &reply["state"]), (&json!(text), &json!(ending.2)), "{recording}");
    }
    assert_eq!(world.database.number("select count(*) from attempts where finished_at is null").await, 0);
    assert_eq!(world.database.number("select count(*) from turns where state = 'running'").await, 0);
}
