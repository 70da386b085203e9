//! Streams as the providers document them, played over the wire: what the user gets, and what is stored.

use crate::harness::{Reply, Setup, World, json};

on_every_setup! {
    a_documented_stream_ends_right_and_is_stored
    usage_is_what_was_counted_or_estimated
}

/// The model that speaks like the provider, the recording, its text, and how the turn ends.
const RECORDINGS: [(&str, &str, &str, &str); 58] = [
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
    ("fake", "openai/content_parts", "Hi there", "stop"),
    ("fake", "openai/done_without_reason", "hi", "stop"),
    ("fake", "openai/error_member_empty", "hi", "stop"),
    ("fake", "openai/keepalive_empty_data", "hi", "stop"),
    ("fake", "openai/last_event_unterminated", "hi", "stop"),
    ("fake", "openai/surrogate_alone", "x \u{fffd} y", "length"),
    ("fake", "openai/surrogate_halves", "crab 🦀 end", "stop"),
    ("fake", "openai/usage_fraction_early", "hi there", "stop"),
    ("fake", "openai/usage_negative_early", "hi there", "stop"),
    ("fake", "openai/usage_goes_down", "hi", "stop"),
    ("fake", "openai/thoughts_left_out_of_usage", "hi", "stop"),
    ("fake", "openai/odd_members", "hi the\tre", "stop"),
    ("fake", "openai/events_without_blank_lines", "hi there", "stop"),
    ("fake", "openai/error_top_level", "Half", "error"),
    ("fake", "openai/error_without_blank_line", "fine so far", "error"),
    ("fake", "openai/error_detail", "Half", "error"),
    ("fake", "openai/error_list", "Half", "error"),
    ("fake", "openai/error_context", "", "error"),
    ("claude", "anthropic/input_zero_again", "hi", "stop"),
    ("claude", "anthropic/zero_usage", "Hi there, one two three.", "stop"),
    ("claude", "anthropic/cache_at_start_only", "hi", "stop"),
    ("claude", "anthropic/counts_go_down", "hi", "stop"),
    ("claude", "anthropic/counts_at_end_only", "hi", "stop"),
    ("claude", "anthropic/surrogate_halves", "crab 🦀 end", "stop"),
    ("claude", "anthropic/odd_members", "hi there", "stop"),
    ("claude", "anthropic/done_without_reason", "hi", "stop"),
    ("claude", "anthropic/last_event_unterminated", "hi", "stop"),
    ("claude", "anthropic/error_in_openai_shape", "", "error"),
    ("claude", "anthropic/error_top_level", "Half", "error"),
    ("claude", "anthropic/error_without_blank_line", "Half", "error"),
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

/// Input, output and cached tokens, and the source of the count.
const USAGE: [(&str, &str, [u64; 3], &str); 11] = [
    ("fake", "openai/usage_fraction_early", [12, 37, 0], "provider"),
    ("fake", "openai/usage_negative_early", [11, 7, 0], "provider"),
    ("fake", "openai/usage_goes_down", [11, 7, 4], "provider"),
    ("fake", "openai/thoughts_left_out_of_usage", [11, 47, 0], "provider"),
    ("fake", "openai/odd_members", [11, 7, 0], "provider"),
    ("fake", "openai/last_event_unterminated", [8, 1, 0], "estimated"),
    ("claude", "anthropic/input_zero_again", [15, 9, 0], "provider"),
    ("claude", "anthropic/cache_at_start_only", [1015, 9, 1000], "provider"),
    ("claude", "anthropic/counts_go_down", [15, 9, 0], "provider"),
    ("claude", "anthropic/counts_at_end_only", [25, 9, 24], "provider"),
    ("claude", "anthropic/zero_usage", [5, 6, 0], "estimated"),
];

async fn usage_is_what_was_counted_or_estimated(setup: Setup) {
    let (_world, provider, _server, ada) = World::new(setup).await.without_limits().with_provider_and_ada().await;
    for (model, recording, [input, output, cached], source) in USAGE {
        let path = format!("{}/tests/fixtures/{recording}.sse", env!("CARGO_MANIFEST_DIR"));
        provider.always(Reply::raw("text/event-stream", std::fs::read_to_string(path).unwrap()));
        let usage = ada.send(&json!({"content": recording, "model": model})).await.ok(201)["turn"]["usage"].clone();
        let counts = [&usage["input_tokens"], &usage["output_tokens"], &usage["cached_tokens"]];
        assert_eq!(counts, [&json!(input), &json!(output), &json!(cached)], "{recording}: {usage}");
        assert_eq!(usage["source"], source, "{recording}");
        assert!(usage["cost_usd"].as_f64().unwrap() > 0.0 || model == "claude", "{recording}: {usage}");
    }
}

async fn a_documented_stream_ends_right_and_is_stored(setup: Setup) {
    let (world, provider, _server, ada) = World::new(setup).await.without_limits().with_provider_and_ada().await;
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
