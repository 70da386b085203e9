//! The YAML format of a suite's file, every value with its line; `case` interprets it. Text is taken literally: `3.10`,
//! `01234` and `yes` without quotes too, which YAML's own rules would make a number and a truth value of.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_saphyr::Spanned;

use super::pieces::{Expectation, Message};
use crate::suggestions;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SuiteFile {
    pub(super) name: Option<String>,
    /// Each case runs with each of these models.
    #[serde(default)]
    pub(super) models: Vec<String>,
    #[serde(default)]
    pub(super) vars: BTreeMap<String, String>,
    /// Defaults of all cases; expectations are added up.
    pub(super) defaults: Option<Spanned<Part>>,
    pub(super) cases: Vec<Spanned<Part>>,
}

/// A case, or the defaults of all.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Part {
    pub(super) name: Option<String>,
    pub(super) prompt: Option<String>,
    pub(super) prompt_file: Option<String>,
    pub(super) messages: Vec<Message>,
    pub(super) system: Option<String>,
    pub(super) models: Vec<String>,
    pub(super) vars: BTreeMap<String, String>,
    pub(super) temperature: Option<f64>,
    pub(super) max_tokens: Option<u32>,
    pub(super) seed: Option<i64>,
    pub(super) expect: Vec<Spanned<Expectation>>,
    pub(super) schema: Option<Spanned<String>>,
    pub(super) repair: Option<bool>,
    pub(super) max_cost: Option<Spanned<f64>>,
    pub(super) max_latency: Option<Spanned<String>>,
    pub(super) max_first_token: Option<Spanned<String>>,
    pub(super) max_output_tokens: Option<u64>,
    pub(super) allow_truncated: Option<bool>,
    pub(super) tags: Vec<String>,
    pub(super) repeat: Option<Spanned<usize>>,
    pub(super) min_pass: Option<Spanned<usize>>,
}

impl SuiteFile {
    /// Parses a file. Errors: the line, and what is wrong there.
    pub(super) fn parse(text: &str) -> Result<Self, (u64, String)> {
        let options = serde_saphyr::options! { null_as_string: true };
        serde_saphyr::from_str_with_options(text, options).map_err(|error| {
            let error = error.without_snippet();
            let line = error.location().map_or(1, |location| location.line().max(1));
            let told = error.to_string();
            // The line is reported separately.
            let what = told.rsplit_once(" at line ").map_or(told.as_str(), |(what, _)| what);
            (line, in_backticks(what.trim_end_matches([',', ':'])))
        })
    }
}

/// Quotes the names after "expected one of" in backticks.
fn in_backticks(what: &str) -> String {
    match what.rsplit_once("expected one of ") {
        Some((told, names)) if !names.contains('`') => {
            format!("{told}expected one of {}", suggestions::quoted(names.split(", "), ", "))
        }
        _ => what.to_owned(),
    }
}
