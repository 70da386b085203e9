//! Sampling parameters of a request, declared once for all that carry them: clients' requests, recordings, providers.

use serde::{Deserialize, Serialize};

use super::Invalid;

/// How a model chooses the next token, and where it stops. What is absent is the provider's to choose; what is given is
/// passed on as it is, to providers that have a parameter for it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Sampling {
    /// From 0 to 2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
    /// From 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub top_p: Option<f64>,
    /// Only the so many most likely tokens; from 1. Anthropic and most compatible servers have it, OpenAI has not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub top_k: Option<u32>,
    /// Texts that end the reply: at most 4, of 1 to 256 characters.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stop: Vec<String>,
    /// For reproducible replies; Anthropic has no parameter for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<i64>,
}

impl Sampling {
    const MAX_STOPS: usize = 4;
    const MAX_STOP_CHARS: usize = 256;

    /// All members that are out of their bounds.
    pub fn invalid_members(&self) -> Vec<Invalid> {
        let between = |value: Option<f64>, max: f64| value.is_none_or(|value| (0.0..=max).contains(&value));
        let is_stop = |stop: &String| !stop.is_empty() && stop.chars().count() <= Self::MAX_STOP_CHARS;
        let checks = [
            (between(self.temperature, 2.0), "temperature", "must be from 0 to 2"),
            (between(self.top_p, 1.0), "top_p", "must be from 0 to 1"),
            (self.top_k != Some(0), "top_k", "must be at least 1"),
            (self.stop.len() <= Self::MAX_STOPS, "stop", "must be at most 4 texts"),
            (self.stop.iter().all(is_stop), "stop", "each must have 1 to 256 characters"),
        ];
        let wrong = checks.into_iter().filter(|(is_good, ..)| !is_good);
        wrong.map(|(_, member, message)| Invalid::new(member, message)).collect()
    }
}
