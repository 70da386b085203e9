//! `[[models]]`, or a few known ones of providers configured by their API key alone, and `mock/echo`.

use std::time::Duration;

use super::{
    MockScript, Model, Price, Provider, ProviderKind,
    reader::Read,
    section::Section,
    value::{Mark, Name, UpstreamName},
};

const MAX_OUTPUT_TOKENS: u32 = 4096;
const CONTEXT_WINDOW: &str = "128000";

/// The markers around reasoning within a model's text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InlineReasoning {
    pub start: String,
    pub end: String,
    /// The model's template writes the first start marker, as that of DeepSeek R1 does.
    pub begins_inside: bool,
}

/// Reads the models of the file; empty where it has none.
pub(super) fn read(document: &mut Section<'_, '_>) -> Read<Vec<Model>> {
    document.tables("models", model).map(Option::unwrap_or_default)
}

fn model(s: &mut Section<'_, '_>) -> Read<Model> {
    let name = s.required::<Name>("name", "name = \"gpt-4.1\"").map(|name| name.0);
    let provider = s.required::<Name>("provider", "provider = \"openai\", the name of one of [[providers]]");
    let upstream_name = s.get::<UpstreamName>("upstream_name", name.as_deref().unwrap_or("unnamed"));
    let context_window = s.get_within("context_window", CONTEXT_WINDOW, 16..=100_000_000_u32);
    let max_output_tokens = max_output_tokens(s, context_window);
    let price = s.optional_table("price", price);
    let inline_reasoning = s.optional_table("inline_reasoning", inline_reasoning);
    let script = s.table("script", script);
    Ok(Model {
        name: name?,
        provider: provider?.0,
        upstream_name: upstream_name?.0,
        max_output_tokens: max_output_tokens?,
        context_window: context_window?,
        price: price?,
        inline_reasoning: inline_reasoning?,
        script: script?,
    })
}

/// Reads the maximum; by default a small window leaves half of itself to the prompt.
fn max_output_tokens(s: &mut Section<'_, '_>, context_window: Read<u32>) -> Read<u32> {
    let window = context_window.unwrap_or(u32::MAX);
    let default = MAX_OUTPUT_TOKENS.min(window / 2).to_string();
    s.get_within("max_output_tokens", &default, 1..=window - 1)
}

fn price(s: &mut Section<'_, '_>) -> Read<Price> {
    const RANGE: std::ops::RangeInclusive<f64> = 0.0..=1_000_000.0;
    let input = s.required_within("input", "input = 2.5, in US dollars per million tokens", RANGE);
    let output = s.required_within("output", "output = 10.0, in US dollars per million tokens", RANGE);
    let cached = match s.optional("cached") {
        Ok(Some(cached)) => s.check_within("cached", cached, RANGE).map(Some),
        other => other,
    };
    Ok(Price { input: input?, output: output?, cached: cached? })
}

fn inline_reasoning(s: &mut Section<'_, '_>) -> Read<InlineReasoning> {
    let start = s.get::<Mark>("start", "<think>");
    let end = s.get::<Mark>("end", "</think>");
    let begins_inside = s.get("begins_inside", "false");
    Ok(InlineReasoning { start: start?.0, end: end?.0, begins_inside: begins_inside? })
}

fn script(s: &mut Section<'_, '_>) -> Read<MockScript> {
    let reply = s.optional("reply");
    let delay = s.get_within("delay", "0s", Duration::ZERO..=Duration::from_secs(86_400));
    let tokens_per_second = match s.optional("tokens_per_second") {
        Ok(Some(pace)) => s.check_within("tokens_per_second", pace, 0.001..=1_000_000.0).map(Some),
        other => other,
    };
    let error_after = s.optional("error_after");
    let status = match s.optional("status") {
        Ok(Some(status)) => s.check_within("status", status, 400..=599_u16).map(Some),
        other => other,
    };
    let hang = s.get("hang", "false");
    Ok(MockScript {
        reply: reply?,
        delay: delay?,
        tokens_per_second: tokens_per_second?,
        error_after: error_after?,
        status: status?,
        hang: hang?,
    })
}

/// Adds `mock/echo` where no other kind of provider is configured, and for a mock provider without a model.
pub(super) fn add_echo(models: &mut Vec<Model>, providers: &[Provider]) {
    let mocks = || providers.iter().filter(|provider| provider.kind == ProviderKind::Mock);
    let is_idle = |provider: &&Provider| models.iter().all(|model| model.provider != provider.name);
    let only_mocks = mocks().count() == providers.len();
    let home = mocks().find(is_idle).or_else(|| mocks().next().filter(|_| only_mocks));
    if let Some(home) = home.filter(|_| models.iter().all(|model| model.name != "mock/echo")) {
        models.push(known("mock/echo", &home.name, 128_000));
    }
}

/// Adds known models of a provider that was configured by its API key alone, the cheap one first. Without prices, for
/// prices change: a wrong one would be charged although no operator has written it.
pub(super) fn add_known(models: &mut Vec<Model>, provider: &Provider) {
    let (names, context_window): (&[&str], u32) = match provider.kind {
        ProviderKind::Openai => (&["gpt-4.1-mini", "gpt-4.1", "gpt-5-mini", "gpt-5"], 128_000),
        ProviderKind::Anthropic => (&["claude-haiku-4-5", "claude-sonnet-4-5", "claude-opus-4-5"], 200_000),
        ProviderKind::Mock | ProviderKind::Cassette => (&[], 0),
    };
    models.extend(names.iter().map(|name| known(name, &provider.name, context_window)));
}

pub(super) fn known(name: &str, provider: &str, context_window: u32) -> Model {
    Model {
        name: name.to_owned(),
        provider: provider.to_owned(),
        upstream_name: name.to_owned(),
        max_output_tokens: MAX_OUTPUT_TOKENS,
        context_window,
        price: None,
        inline_reasoning: None,
        script: MockScript::default(),
    }
}
