//! Stream decoder of Anthropic's Messages API. <https://platform.claude.com/docs/en/build-with-claude/streaming>

use serde::Deserialize;

use super::{
    Failure, OnText, SplitInput,
    error_body::ErrorBody,
    lenient::{Count, Text, null_or, or_default},
    reply::Progress,
    sse,
};
use crate::model::FinishReason;

/// Every event has its type in its data.
#[derive(Deserialize)]
struct Nameless<'a> {
    #[serde(borrow, default)]
    r#type: Text<'a>,
}

#[derive(Deserialize)]
struct MessageStart {
    #[serde(default, deserialize_with = "or_default")]
    message: Started,
}

#[derive(Default, Deserialize)]
struct Started {
    #[serde(default, deserialize_with = "or_default")]
    usage: Usage,
}

#[derive(Deserialize)]
struct ContentBlockStart<'a> {
    #[serde(borrow, default, deserialize_with = "null_or")]
    content_block: Block<'a>,
}

#[derive(Deserialize)]
struct ContentBlockDelta<'a> {
    #[serde(borrow, default, deserialize_with = "null_or")]
    delta: Block<'a>,
}

/// A block at its start, or a piece of one: text, or something that is not shown.
#[derive(Default, Deserialize)]
struct Block<'a> {
    #[serde(borrow, default)]
    r#type: Text<'a>,
    #[serde(borrow, default)]
    text: Text<'a>,
}

#[derive(Deserialize)]
struct MessageDelta<'a> {
    #[serde(borrow, default, deserialize_with = "null_or")]
    delta: Ending<'a>,
    #[serde(default, deserialize_with = "or_default")]
    usage: Usage,
}

#[derive(Default, Deserialize)]
struct Ending<'a> {
    #[serde(borrow, default)]
    stop_reason: Text<'a>,
}

/// In `message_start` the whole input; in `message_delta` the output so far, and the input again if it has grown.
#[derive(Default, Deserialize)]
struct Usage {
    #[serde(default)]
    input_tokens: Count,
    #[serde(default)]
    cache_creation_input_tokens: Count,
    #[serde(default)]
    cache_read_input_tokens: Count,
    #[serde(default)]
    output_tokens: Count,
}

/// Adds one event to the reply. New kinds of events and blocks may come at any time and are to be ignored, says the
/// documentation; only the known ones are parsed.
pub fn read(progress: &mut Progress, event: sse::Event<'_>, on_text: &mut OnText<'_>) -> Result<(), Failure> {
    if event.is_error() {
        return Err(ErrorBody::in_stream(event.data));
    }
    if let Some(known) = read_named(event.name, progress, event.data, on_text) {
        return known;
    }
    // Proxies may drop the names of events.
    let Some(nameless) = progress.parse::<Nameless<'_>>(event.data)? else { return Ok(()) };
    if let Some(known) = read_named(&nameless.r#type.word(), progress, event.data, on_text) {
        return known;
    }
    ErrorBody::in_event(event.data).map_or(Ok(()), Err)
}

/// Reads an event by name; `None`: the name is unknown.
fn read_named(
    name: &str,
    progress: &mut Progress,
    json: &str,
    on_text: &mut OnText<'_>,
) -> Option<Result<(), Failure>> {
    Some(match name {
        "content_block_delta" => progress.parse::<ContentBlockDelta<'_>>(json).and_then(|event| match event {
            Some(ContentBlockDelta { delta }) => read_block(progress, &delta, on_text),
            None => Ok(()),
        }),
        "content_block_start" => progress.parse::<ContentBlockStart<'_>>(json).and_then(|event| match event {
            Some(ContentBlockStart { content_block }) => read_block(progress, &content_block, on_text),
            None => Ok(()),
        }),
        "message_start" => progress.parse::<MessageStart>(json).map(|event| {
            count(progress, &event.map(|event| event.message.usage).unwrap_or_default());
        }),
        "message_delta" => progress.parse::<MessageDelta<'_>>(json).map(|event| {
            let Some(MessageDelta { delta, usage }) = event else { return };
            count(progress, &usage);
            if let Some(reason) = delta.stop_reason.or_none() {
                progress.finish_reason = Some(finish_reason(&reason.word()));
            }
        }),
        "message_stop" => {
            progress.ended = true;
            Ok(())
        }
        "ping" | "content_block_stop" => Ok(()),
        _ => return None,
    })
}

fn read_block(progress: &mut Progress, block: &Block<'_>, on_text: &mut OnText<'_>) -> Result<(), Failure> {
    match &*block.r#type.word() {
        "text" | "text_delta" => progress.say(&block.text, on_text),
        _ => {
            progress.begun = true;
            Ok(())
        }
    }
}

fn count(progress: &mut Progress, usage: &Usage) {
    let input = SplitInput {
        fresh: usage.input_tokens.0,
        read: usage.cache_read_input_tokens.0,
        written: usage.cache_creation_input_tokens.0,
    };
    progress.count_split(input, usage.output_tokens.0);
}

/// An unknown word is taken as `stop`: the provider says that the reply is complete.
fn finish_reason(word: &str) -> FinishReason {
    match word {
        "max_tokens" | "model_context_window_exceeded" => FinishReason::Length,
        "refusal" => FinishReason::ContentFilter,
        "tool_use" => FinishReason::ToolCalls,
        _ => FinishReason::Stop,
    }
}
