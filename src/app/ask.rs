//! A message as it may be sent: every member within its bounds.

use crate::model::{ConversationId, Invalid, Prompt, SystemPrompt};

const MAX_STOPS: usize = 4;
const MAX_STOP_BYTES: usize = 256;

/// A message to be sent, parsed.
#[derive(Clone, Debug)]
pub struct Ask {
    pub content: String,
    pub conversation_id: Option<ConversationId>,
    pub model: Option<String>,
    pub system_prompt: Option<String>,
    pub temperature: Option<f64>,
    pub top_p: Option<f64>,
    pub max_tokens: Option<u32>,
    pub stop: Vec<String>,
}

/// A message as it came in.
#[derive(Clone, Debug, Default)]
pub struct RawAsk {
    pub content: String,
    pub conversation_id: Option<ConversationId>,
    pub model: Option<String>,
    pub system_prompt: Option<String>,
    pub temperature: Option<f64>,
    pub top_p: Option<f64>,
    pub max_tokens: Option<u32>,
    pub stop: Vec<String>,
}

impl TryFrom<RawAsk> for Ask {
    type Error = Vec<Invalid>;

    /// Errors: all that is wrong, not only the first.
    fn try_from(raw: RawAsk) -> Result<Self, Vec<Invalid>> {
        let mut wrong = Vec::new();
        let mut hold = |is_good: bool, field: &str, message: &str| {
            if !is_good {
                wrong.push(Invalid::new(field, message));
            }
        };
        let between = |value: Option<f64>, max: f64| value.is_none_or(|value| (0.0..=max).contains(&value));
        hold(between(raw.temperature, 2.0), "temperature", "must be from 0 to 2");
        hold(between(raw.top_p, 1.0), "top_p", "must be from 0 to 1");
        hold(raw.max_tokens != Some(0), "max_tokens", "must be at least 1");
        hold(raw.stop.len() <= MAX_STOPS, "stop", "must be at most 4 texts");
        let stops_are_good = raw.stop.iter().all(|stop| !stop.is_empty() && stop.len() <= MAX_STOP_BYTES);
        hold(stops_are_good, "stop", "each must have 1 to 256 bytes");
        let content = raw.content.parse::<Prompt>().map_err(|invalid| wrong.push(invalid));
        let system_prompt = raw.system_prompt.map(|text| text.parse::<SystemPrompt>()).transpose();
        let system_prompt = system_prompt.map_err(|invalid| wrong.push(invalid));
        match (content, system_prompt) {
            (Ok(content), Ok(system_prompt)) if wrong.is_empty() => Ok(Self {
                content: content.into_string(),
                conversation_id: raw.conversation_id,
                model: raw.model,
                system_prompt: system_prompt.map(SystemPrompt::into_string),
                temperature: raw.temperature,
                top_p: raw.top_p,
                max_tokens: raw.max_tokens,
                stop: raw.stop,
            }),
            _ => Err(wrong),
        }
    }
}
