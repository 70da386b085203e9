//! The flags with the expectations of a reply.

use std::{path::PathBuf, time::Duration};

use clap::Args;

use super::Failure;
use crate::{
    eval::{Check, Expectations, read_schema},
    model::NanoUsd,
};

#[derive(Debug, Args)]
#[command(next_help_heading = "Expectations (exit 8 if one is not met)")]
pub(super) struct ExpectationArgs {
    /// What the answer has to meet; can be repeated: contains, not-contains, regex, equals, jq, json-schema
    ///
    /// contains:TEXT, not-contains:TEXT, regex:RE, equals:TEXT (line breaks at the end do not count), jq:FILTER (the
    /// answer is JSON, and all that the filter makes of it is true), json-schema:FILE (it fits the schema). All are
    /// checked, and all that fail are told.
    #[arg(long = "expect", value_name = "KIND:TEXT")]
    checks: Vec<Check>,
    /// Request JSON that matches the schema in this file, and validate the answer
    #[arg(long, value_name = "FILE")]
    schema: Option<PathBuf>,
    /// If the answer does not match --schema, ask once more with the errors
    #[arg(long, requires = "schema")]
    pub(super) repair: bool,
    /// Maximum cost, repair included
    #[arg(long, value_name = "USD", value_parser = dollars)]
    max_cost: Option<NanoUsd>,
    /// Maximum time for the whole answer, like `2s`
    #[arg(long, value_name = "DUR", value_parser = humantime::parse_duration)]
    max_latency: Option<Duration>,
    /// Maximum time to the first token
    #[arg(long, value_name = "DUR", value_parser = humantime::parse_duration)]
    max_first_token: Option<Duration>,
    /// Maximum number of output tokens; --max-tokens makes the model stop
    #[arg(long, value_name = "N")]
    max_output_tokens: Option<u64>,
    /// Accept an answer that was truncated by the token limit
    #[arg(long)]
    allow_truncated: bool,
}

impl ExpectationArgs {
    pub(super) fn read(&self) -> Result<Expectations, Failure> {
        let schema = self.schema.as_deref().map(read_schema).transpose().map_err(Failure::Usage)?;
        Ok(Expectations {
            checks: self.checks.clone(),
            schema,
            max_cost: self.max_cost,
            max_latency: self.max_latency,
            max_first_token: self.max_first_token,
            max_output_tokens: self.max_output_tokens,
            allow_truncated: self.allow_truncated,
        })
    }
    /// The first given flag that a suite sets per case.
    pub(super) fn first_given(&self) -> Option<&'static str> {
        [
            (!self.checks.is_empty(), "--expect"),
            (self.schema.is_some(), "--schema"),
            (self.max_cost.is_some(), "--max-cost"),
            (self.max_latency.is_some(), "--max-latency"),
            (self.max_first_token.is_some(), "--max-first-token"),
            (self.max_output_tokens.is_some(), "--max-output-tokens"),
            (self.allow_truncated, "--allow-truncated"),
            (self.repair, "--repair"),
        ]
        .into_iter()
        .find_map(|(is_given, flag)| is_given.then_some(flag))
    }
}

fn dollars(text: &str) -> Result<NanoUsd, String> {
    let usd: f64 =
        text.trim_start_matches('$').parse().map_err(|_| "it is a number of dollars, like 0.01".to_owned())?;
    if (0.0..=1e6).contains(&usd) { Ok(NanoUsd::from_usd(usd)) } else { Err("it must be from 0 to 1000000".into()) }
}
