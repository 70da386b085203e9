//! Stream decoder of OpenAI's Chat Completions API, also for compatible servers.
//! <https://platform.openai.com/docs/api-reference/chat-streaming>

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    Failure, FailureKind, OnText, Tokens,
    error_body::ErrorBody,
    lenient::{Count, Text, null_or, or_default},
    reply::Progress,
    sse,
};
use crate::model::FinishReason;

/// `chat.completion.chunk`. Members that are not needed are skipped.
#[derive(Deserialize)]
struct Chunk<'a> {
    /// Empty with the usage; some servers send null there.
    #[serde(borrow, default, deserialize_with = "null_or")]
    choices: Vec<Choice<'a>>,
    #[serde(default, deserialize_with = "or_default")]
    usage: Usage,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Choice<'a> {
    #[serde(borrow, default, deserialize_with = "null_or")]
    delta: Delta<'a>,
    #[serde(borrow, default)]
    finish_reason: Text<'a>,
    /// Moonshot's usage.
    #[serde(default, deserialize_with = "or_default")]
    usage: Usage,
}

#[derive(Default, Deserialize)]
struct Delta<'a> {
    #[serde(borrow, default)]
    content: Text<'a>,
    #[serde(borrow, default)]
    refusal: Text<'a>,
    /// Reasoning, as vLLM, DeepSeek and OpenRouter name it. Not shown.
    #[serde(borrow)]
    reasoning_content: Option<&'a RawValue>,
    #[serde(borrow)]
    reasoning: Option<&'a RawValue>,
    #[serde(borrow)]
    tool_calls: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
struct Usage {
    #[serde(default)]
    prompt_tokens: Count,
    #[serde(default)]
    completion_tokens: Count,
    #[serde(default)]
    total_tokens: Count,
    #[serde(default, deserialize_with = "or_default")]
    prompt_tokens_details: PromptDetails,
    /// Moonshot's and DeepSeek's names for cached tokens.
    #[serde(default)]
    cached_tokens: Count,
    #[serde(default)]
    prompt_cache_hit_tokens: Count,
}

#[derive(Default, Deserialize)]
struct PromptDetails {
    #[serde(default)]
    cached_tokens: Count,
}

impl Usage {
    fn tokens(&self) -> Tokens {
        let (input, said, total) = (self.prompt_tokens.0, self.completion_tokens.0, self.total_tokens.0);
        // xAI and Google leave reasoning out of `completion_tokens`, and charge it.
        let output = if input > 0 && said > 0 { said.max(total.saturating_sub(input)) } else { said };
        let cached = self.prompt_tokens_details.cached_tokens.max(self.cached_tokens).max(self.prompt_cache_hit_tokens);
        Tokens::said(input, output, cached.0)
    }
}

/// Adds one event to the reply.
pub fn read(progress: &mut Progress, event: sse::Event<'_>, on_text: &mut OnText<'_>) -> Result<(), Failure> {
    if event.is_error() {
        return Err(ErrorBody::in_stream(event.data));
    }
    let Some(chunk) = progress.parse::<Chunk<'_>>(event.data)? else { return Ok(()) };
    let used = chunk.usage.tokens();
    let says_nothing_else = chunk.choices.is_empty() && used == Tokens::default();
    if (says_nothing_else || chunk.error.is_some())
        && let Some(failure) = ErrorBody::in_event(event.data)
    {
        return Err(failure);
    }
    progress.count(used);
    match chunk.choices.into_iter().next() {
        Some(choice) => read_choice(progress, &choice, on_text),
        None => Ok(()),
    }
}

fn read_choice(progress: &mut Progress, choice: &Choice<'_>, on_text: &mut OnText<'_>) -> Result<(), Failure> {
    progress.count(choice.usage.tokens());
    let Delta { content, refusal, reasoning_content, reasoning, tool_calls } = &choice.delta;
    progress.say(content, on_text)?;
    if let Some(refusal) = refusal.or_none() {
        progress.refused = true;
        progress.say(refusal, on_text)?;
    }
    let unseen = [reasoning_content, reasoning, tool_calls];
    progress.begun |= content.is_hidden || unseen.iter().any(|it| it.is_some_and(|it| !is_empty(it.get())));
    // Some servers send an empty reason along with every chunk.
    if let Some(reason) = choice.finish_reason.or_none() {
        progress.finish_reason = Some(finish_reason(&reason.word())?);
    }
    Ok(())
}

fn is_empty(json: &str) -> bool {
    matches!(json, "null" | "\"\"" | "[]" | "{}" | "false")
}

/// An unknown word is taken as `stop`: the provider says that the reply is complete.
fn finish_reason(word: &str) -> Result<FinishReason, Failure> {
    Ok(match word {
        "length" | "max_tokens" | "model_length" => FinishReason::Length,
        "content_filter" => FinishReason::ContentFilter,
        "tool_calls" | "function_call" => FinishReason::ToolCalls,
        // OpenRouter, SGLang and vLLM, DeepSeek.
        "error" | "abort" | "insufficient_system_resource" => {
            return Err(Failure::new(FailureKind::Unavailable, format!("the provider broke off: {word}")));
        }
        _ => FinishReason::Stop,
    })
}
