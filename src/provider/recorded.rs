//! Tests of the decoders with streams as the providers document them (`tests/fixtures/`), whole, cut and altered.

use super::{
    Failure, FailureKind as K, Reply, Tokens, anthropic_stream as anthropic, openai_stream as openai,
    reading::{Read, Reading},
};
use crate::model::FinishReason as F;

/// The outcome of a stream.
#[derive(Clone, Debug, PartialEq)]
struct Heard {
    text: String,
    result: Result<Reply, Failure>,
    finished: bool,
}

fn play<'a>(read: Read, pieces: impl IntoIterator<Item = &'a [u8]>) -> Heard {
    let mut reading = Reading::new(read);
    let mut text = String::new();
    let mut on_text = |piece: &str| text.push_str(piece);
    let fed = pieces.into_iter().try_for_each(|piece| reading.feed(piece, &mut on_text));
    let fed = fed.and_then(|()| reading.end(&mut on_text));
    let finished = reading.finished();
    let result = reading.conclude(fed, &mut on_text);
    Heard { result, text, finished }
}

/// A stream with the text in it and what it ends with: a reason and tokens (input, output, cached), or a failure.
type Recording = (&'static str, &'static str, &'static str, Result<(F, Option<(u64, u64, u64)>), K>);

macro_rules! recordings {
    ($name:ident, $folder:literal, [$(($file:literal, $text:expr, $result:expr)),+ $(,)?]) => {
        const $name: &[Recording] = &[
            $(($file, include_str!(concat!("../../tests/fixtures/", $folder, "/", $file, ".sse")), $text, $result)),+
        ];
    };
}

const USED: Option<(u64, u64, u64)> = Some((19, 10, 12));

recordings!(
    OPENAI,
    "openai",
    [
        ("text", "Hello wörld 🦀\n\"quoted\" \\ \u{1} 你好", Ok((F::Stop, USED))),
        ("escapes", "café 🦀 \u{fffd}", Ok((F::Stop, None))),
        ("usage_with_finish", "Hi there", Ok((F::Stop, Some((5, 2, 0))))),
        ("usage_in_every_chunk", "Hi there", Ok((F::Stop, Some((5, 3, 0))))),
        ("no_usage", "Hi", Ok((F::Stop, None))),
        ("length", "Once upon a", Ok((F::Length, USED))),
        ("content_filter", "I would", Ok((F::ContentFilter, None))),
        ("refusal", "I'm sorry, I can't help with that.", Ok((F::ContentFilter, USED))),
        ("tool_calls", "", Ok((F::ToolCalls, USED))),
        ("reasoning", "Hi!", Ok((F::Stop, USED))),
        ("comments", "Hi", Ok((F::Stop, USED))),
        ("several_data_lines", "Hi", Ok((F::Stop, None))),
        ("error_midway", "Half of", Err(K::Unavailable)),
        ("error_event", "", Err(K::RateLimited)),
        ("error_as_finish", "", Err(K::Unavailable)),
        ("never_finished", "Half of it", Err(K::Incomplete)),
        ("content_parts", "Hi there", Ok((F::Stop, Some((12, 3, 0))))),
        ("done_without_reason", "hi", Ok((F::Stop, Some((11, 7, 0))))),
        ("error_member_empty", "hi", Ok((F::Stop, Some((11, 7, 0))))),
        ("keepalive_empty_data", "hi", Ok((F::Stop, Some((11, 7, 0))))),
        ("last_event_unterminated", "hi", Ok((F::Stop, None))),
        ("surrogate_alone", "x \u{fffd} y", Ok((F::Length, Some((11, 7, 0))))),
        ("surrogate_halves", "crab 🦀 end", Ok((F::Stop, Some((11, 7, 0))))),
        ("usage_fraction_early", "hi there", Ok((F::Stop, Some((12, 37, 0))))),
        ("usage_negative_early", "hi there", Ok((F::Stop, Some((11, 7, 0))))),
        ("usage_goes_down", "hi", Ok((F::Stop, Some((11, 7, 4))))),
        ("thoughts_left_out_of_usage", "hi", Ok((F::Stop, Some((11, 47, 0))))),
        ("odd_members", "hi the\tre", Ok((F::Stop, Some((11, 7, 0))))),
        ("events_without_blank_lines", "hi there", Ok((F::Stop, Some((11, 7, 0))))),
        ("error_top_level", "Half", Err(K::Unavailable)),
        ("error_without_blank_line", "fine so far", Err(K::Unavailable)),
        ("error_detail", "Half", Err(K::Unavailable)),
        ("error_list", "Half", Err(K::Unavailable)),
        ("error_context", "", Err(K::ContextTooLong)),
    ]
);

recordings!(
    ANTHROPIC,
    "anthropic",
    [
        ("text", "Hello wörld 🦀\n\"!\"", Ok((F::Stop, Some((25, 15, 0))))),
        ("cached", "Hi", Ok((F::Stop, Some((1103, 7, 1000))))),
        ("thinking", "12231", Ok((F::Stop, Some((25, 40, 0))))),
        ("tool_use", "Okay, let me check.", Ok((F::ToolCalls, Some((25, 89, 0))))),
        ("refusal", "I can't", Ok((F::ContentFilter, Some((25, 3, 0))))),
        ("max_tokens", "Once upon a", Ok((F::Length, Some((25, 3, 0))))),
        ("stop_sequence", "one, two", Ok((F::Stop, Some((25, 3, 0))))),
        ("unknown_events", "Hi!", Ok((F::Stop, Some((25, 1, 0))))),
        ("nameless", "Hi", Ok((F::Stop, Some((25, 2, 0))))),
        ("error_midway", "Half of", Err(K::Unavailable)),
        ("error_first", "", Err(K::RateLimited)),
        ("never_finished", "Half of", Err(K::Incomplete)),
        ("input_zero_again", "hi", Ok((F::Stop, Some((15, 9, 0))))),
        ("zero_usage", "Hi there, one two three.", Ok((F::Stop, None))),
        ("cache_at_start_only", "hi", Ok((F::Stop, Some((1015, 9, 1000))))),
        ("counts_go_down", "hi", Ok((F::Stop, Some((15, 9, 0))))),
        ("counts_at_end_only", "hi", Ok((F::Stop, Some((25, 9, 24))))),
        ("surrogate_halves", "crab 🦀 end", Ok((F::Stop, Some((15, 9, 0))))),
        ("odd_members", "hi there", Ok((F::Stop, Some((15, 9, 0))))),
        ("done_without_reason", "hi", Ok((F::Stop, Some((15, 9, 0))))),
        ("last_event_unterminated", "hi", Ok((F::Stop, Some((15, 9, 0))))),
        ("error_in_openai_shape", "", Err(K::Unavailable)),
        ("error_top_level", "Half", Err(K::Unavailable)),
        ("error_without_blank_line", "Half", Err(K::Unavailable)),
    ]
);

fn each(mut check: impl FnMut(Read, &Recording)) {
    OPENAI.iter().for_each(|recording| check(openai::read, recording));
    ANTHROPIC.iter().for_each(|recording| check(anthropic::read, recording));
}

#[test]
fn every_recording_says_what_it_says() {
    each(|read, (file, stream, text, result)| {
        let heard = play(read, [stream.as_bytes()]);
        assert_eq!(heard.text, *text, "{file}");
        let ended = heard.result.map(|reply| (reply.finish_reason, reply.tokens)).map_err(|failure| failure.kind);
        let tokens = |(input, output, cached)| Tokens { input, output, cached };
        assert_eq!(ended, result.map(|(reason, used)| (reason, used.map(tokens))), "{file}");
    });
}

#[test]
fn a_cut_at_any_byte_changes_nothing() {
    each(|read, (file, stream, ..)| {
        let bytes = stream.as_bytes();
        let whole = play(read, [bytes]);
        for at in 0..=bytes.len() {
            assert_eq!(play(read, [&bytes[..at], &bytes[at..]]), whole, "{file} cut at {at}");
        }
        assert_eq!(play(read, bytes.chunks(1)), whole, "{file} byte by byte");
    });
}

#[test]
fn line_ends_and_a_byte_order_mark_change_nothing() {
    each(|read, (file, stream, ..)| {
        let whole = play(read, [stream.as_bytes()]);
        for bent in [stream.replace('\n', "\r\n"), stream.replace('\n', "\r"), format!("\u{feff}{stream}")] {
            assert_eq!(play(read, [bent.as_bytes()]), whole, "{file}");
            assert_eq!(play(read, bent.as_bytes().chunks(1)), whole, "{file} byte by byte");
        }
    });
}

#[test]
fn a_cut_stream_is_a_reply_only_if_it_was_finished() {
    each(|read, (file, stream, text, result)| {
        let fails_by_itself = matches!(result, Err(kind) if *kind != K::Incomplete);
        for end in 0..stream.len() {
            let heard = play(read, [&stream.as_bytes()[..end]]);
            assert_eq!(heard.result.is_ok(), heard.finished, "{file} broken off at {end}");
            // Broken off inside a character, half of one is left.
            assert!(text.starts_with(heard.text.trim_end_matches('\u{fffd}')), "{file} broken off at {end}");
            if !heard.finished && !fails_by_itself {
                assert_eq!(heard.result.unwrap_err().kind, K::Incomplete, "{file} broken off at {end}");
            }
        }
    });
}

#[test]
fn a_byte_that_flips_never_makes_it_panic() {
    each(|read, (_, stream, ..)| {
        for at in 0..stream.len() {
            let mut bytes = stream.as_bytes().to_vec();
            bytes[at] ^= 0x15;
            play(read, [bytes.as_slice()]);
        }
    });
}

#[test]
fn what_was_used_before_a_failure_is_told() {
    let (_, stream, ..) = ANTHROPIC.iter().find(|(file, ..)| *file == "error_midway").unwrap();
    let failure = play(anthropic::read, [stream.as_bytes()]).result.unwrap_err();
    assert_eq!(failure.tokens, Some(Tokens { input: 25, output: 1, cached: 0 }));
}

#[test]
fn numbers_beyond_reason_are_cut_and_do_not_overflow() {
    let stream = format!(
        "data: {{\"type\":\"message_start\",\"message\":{{\"usage\":{{\"input_tokens\":{0},\"cache_read_input_tokens\":{0},\"output_tokens\":{0}}}}}}}\n\n",
        u64::MAX
    );
    let most = u32::MAX.into();
    let failure = play(anthropic::read, [stream.as_bytes()]).result.unwrap_err();
    assert_eq!(failure.tokens, Some(Tokens { input: most, output: most, cached: most }));
}

#[test]
fn an_unknown_event_is_reported_without_quoting_it() {
    for (read, event) in [
        (openai::read as Read, "{\"choices\":[{\"delta\":{\"content\":{\"secret\":1}}}]}"),
        (openai::read, "secret"),
        (openai::read, "{\"choices\":\"secret\"}"),
        (anthropic::read, "{\"type\":\"content_block_delta\",\"delta\":\"secret\"}"),
        (anthropic::read, "secret"),
    ] {
        let failure = play(read, [format!("data: {event}\n\n").as_bytes()]).result.unwrap_err();
        assert_eq!(failure.kind, K::Protocol);
        assert!(!failure.detail.contains("secret"), "{}", failure.detail);
    }
}

#[test]
fn thoughts_or_tool_calls_are_first_tokens_pings_not() {
    for (read, event, begun) in [
        (openai::read as Read, r#"{"choices":[{"delta":{"role":"assistant","content":"","tool_calls":[]}}]}"#, false),
        (openai::read, r#"{"choices":[{"delta":{"reasoning_content":"hm"}}]}"#, true),
        (openai::read, r#"{"choices":[{"delta":{"tool_calls":[{"index":0}]}}]}"#, true),
        (anthropic::read, r#"{"type":"ping"}"#, false),
        (anthropic::read, r#"{"type":"message_start","message":{}}"#, false),
        (anthropic::read, r#"{"type":"content_block_start","content_block":{"type":"text","text":""}}"#, false),
        (anthropic::read, r#"{"type":"content_block_start","content_block":{"type":"thinking","thinking":""}}"#, true),
    ] {
        let mut reading = Reading::new(read);
        reading.feed(format!("data: {event}\n\n").as_bytes(), &mut |_| {}).unwrap();
        assert_eq!(reading.begun(), begun, "{event}");
    }
}
