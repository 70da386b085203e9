//! Expectations of a reply, and which of them it does not meet. Pure: the reply and the expectations decide, nothing
//! else. Everything is checked, so that all that is wrong is reported at once.

mod answer_schema;
mod check;
mod jq;
mod statistics;
mod words;

use std::time::Duration;

use serde::Serialize;

use self::words::{excerpt, seconds};
pub use self::{
    answer_schema::ReplySchema,
    check::{Check, KINDS, read_schema},
    statistics::percentile,
};
use crate::{
    config::Redaction,
    model::{FinishReason, NanoUsd},
};

/// The expectations of a reply.
#[derive(Clone, Debug, Default)]
pub struct Expectations {
    pub checks: Vec<Check>,
    /// The schema that was requested.
    pub schema: Option<ReplySchema>,
    pub max_cost: Option<NanoUsd>,
    pub max_latency: Option<Duration>,
    pub max_first_token: Option<Duration>,
    pub max_output_tokens: Option<u64>,
    /// Accepts a reply that was truncated by the token limit.
    pub allow_truncated: bool,
}

/// The values of a reply that are judged.
#[derive(Clone, Copy, Debug)]
pub struct JudgedReply<'a> {
    pub text: &'a str,
    pub finish_reason: Option<FinishReason>,
    pub cost: NanoUsd,
    pub output_tokens: u64,
    pub latency: Duration,
    /// `None`: there was no text.
    pub first_token: Option<Duration>,
}

/// An expectation that is not met.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Unmet {
    /// Its kind: the word before the colon, or the name of the flag.
    pub check: &'static str,
    pub expected: String,
    pub got: String,
    /// Where in the reply, as a JSON pointer (RFC 6901).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pointer: Option<String>,
}

impl Unmet {
    fn new(check: &'static str, expected: impl Into<String>, got: impl Into<String>) -> Self {
        Self { check, expected: expected.into(), got: got.into(), pointer: None }
    }

    fn without(self, secrets: &Redaction) -> Self {
        let Self { check, expected, got, pointer } = self;
        let (expected, got) = (secrets.hide(&expected), secrets.hide(&got));
        Self { check, expected, got, pointer: pointer.map(|pointer| secrets.hide(&pointer)) }
    }
}

impl std::fmt::Display for Unmet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { check, expected, got, pointer } = self;
        match pointer.as_deref() {
            Some("") => write!(f, "{check}: the answer as a whole: expected {expected}, got {got}"),
            Some(pointer) => write!(f, "{check}: at {pointer}: expected {expected}, got {got}"),
            None => write!(f, "{check}: expected {expected}, got {got}"),
        }
    }
}

impl Expectations {
    /// Returns the unmet expectations. The reply is judged unredacted, and reported with its secrets redacted.
    pub fn judge(&self, answer: &JudgedReply<'_>, secrets: &Redaction) -> Vec<Unmet> {
        let mut unmet: Vec<Unmet> = self.ending(answer, secrets).into_iter().collect();
        unmet.extend(self.unmet_schema(answer.text, secrets));
        unmet.extend(self.checks.iter().flat_map(|check| check.hold(answer.text, secrets)));
        unmet.extend(self.bounds(answer).into_iter().flatten());
        unmet.into_iter().map(|unmet| unmet.without(secrets)).collect()
    }

    /// Validates the reply against the schema; what does not match can be repaired.
    pub fn unmet_schema(&self, text: &str, secrets: &Redaction) -> Vec<Unmet> {
        let unmet = self.schema.as_ref().map(|schema| schema.hold("schema", text, secrets)).unwrap_or_default();
        unmet.into_iter().map(|unmet| unmet.without(secrets)).collect()
    }

    /// Fails a reply that was refused or truncated, whatever it says.
    fn ending(&self, answer: &JudgedReply<'_>, secrets: &Redaction) -> Option<Unmet> {
        match answer.finish_reason? {
            FinishReason::ContentFilter => {
                Some(Unmet::new("refused", "an answer", format!("a refusal: {}", excerpt(answer.text, secrets))))
            }
            FinishReason::Length if !self.allow_truncated => {
                let got = format!("one that was cut after {} tokens; see --max-tokens", answer.output_tokens);
                Some(Unmet::new("truncated", "a whole answer (or --allow-truncated)", got))
            }
            FinishReason::Length
            | FinishReason::Stop
            | FinishReason::ToolCalls
            | FinishReason::Cancelled
            | FinishReason::Error => None,
        }
    }

    fn bounds(&self, answer: &JudgedReply<'_>) -> [Option<Unmet>; 4] {
        let dollars = |cost: NanoUsd| format!("${}", cost.usd());
        let at_most = |name, is_over: bool, most: String, got: String| {
            is_over.then(|| Unmet::new(name, format!("at most {most}"), got))
        };
        [
            self.max_cost.and_then(|most| at_most("max-cost", answer.cost > most, dollars(most), dollars(answer.cost))),
            self.max_latency
                .and_then(|most| at_most("max-latency", answer.latency > most, seconds(most), seconds(answer.latency))),
            self.max_first_token.and_then(|most| {
                // A reply without text has no first token to wait for.
                let first = answer.first_token?;
                at_most("max-first-token", first > most, seconds(most), seconds(first))
            }),
            self.max_output_tokens.and_then(|most| {
                let tokens = answer.output_tokens;
                at_most("max-output-tokens", tokens > most, most.to_string(), tokens.to_string())
            }),
        ]
    }
}

/// The message to a model whose reply does not match the schema.
pub fn repair_request(unmet: &[Unmet]) -> String {
    let wrong: String = unmet.iter().map(|unmet| format!("- {unmet}\n")).collect();
    format!(
        "Your answer does not have the form that was asked for:\n{wrong}\
         Answer the question again, with JSON that fits the schema and nothing around it."
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(text: &str) -> JudgedReply<'_> {
        JudgedReply {
            text,
            finish_reason: Some(FinishReason::Stop),
            cost: NanoUsd(2_000_000),
            output_tokens: 7,
            latency: Duration::from_millis(1500),
            first_token: Some(Duration::from_millis(40)),
        }
    }

    #[test]
    fn every_unmet_check_tells_expected_and_got() {
        let expectations = Expectations {
            checks: vec!["contains:foo".parse().unwrap(), "contains:answer".parse().unwrap()],
            max_cost: Some(NanoUsd(1_000_000)),
            max_latency: Some(Duration::from_secs(1)),
            max_first_token: Some(Duration::from_millis(39)),
            max_output_tokens: Some(6),
            ..Expectations::default()
        };
        let told: Vec<String> =
            expectations.judge(&answer("an answer"), &Redaction::default()).iter().map(Unmet::to_string).collect();
        assert_eq!(
            told,
            [
                "contains: expected `foo`, got `an answer`",
                "max-cost: expected at most $0.001, got $0.002",
                "max-latency: expected at most 1 s, got 1.5 s",
                "max-first-token: expected at most 39 ms, got 40 ms",
                "max-output-tokens: expected at most 6, got 7",
            ]
        );
    }

    #[test]
    fn bounds_may_be_reached() {
        let expectations = Expectations {
            max_cost: Some(NanoUsd(2_000_000)),
            max_latency: Some(Duration::from_millis(1500)),
            max_first_token: Some(Duration::from_millis(40)),
            max_output_tokens: Some(7),
            ..Expectations::default()
        };
        assert!(expectations.judge(&answer("x"), &Redaction::default()).is_empty());
    }

    #[test]
    fn a_refusal_fails_a_cut_reply_only_if_not_allowed() {
        let judged = |finish_reason, allow_truncated| {
            let expectations = Expectations { allow_truncated, ..Expectations::default() };
            let answer = JudgedReply { finish_reason: Some(finish_reason), ..answer("no") };
            let unmet = expectations.judge(&answer, &Redaction::default());
            unmet.first().map(|unmet| unmet.check)
        };
        assert_eq!(judged(FinishReason::Length, false), Some("truncated"));
        assert_eq!(judged(FinishReason::Length, true), None);
        assert_eq!(judged(FinishReason::ContentFilter, true), Some("refused"));
        assert_eq!(judged(FinishReason::Stop, false), None);
    }
}
