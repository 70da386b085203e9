//! The flags that say what a good answer is.

use std::{path::PathBuf, time::Duration};

use clap::Args;

use super::Failure;
use crate::{
    app::{Check, Expectations, read_schema},
    model::NanoUsd,
};

#[derive(Debug, Args)]
#[command(next_help_heading = "What a good answer is (else exit 8)")]
pub(super) struct Expected {
    /// KIND:TEXT, again and again: contains, not-contains, regex, equals, jq, json-schema
    ///
    /// contains:TEXT, not-contains:TEXT, regex:RE, equals:TEXT (line breaks at the end do not count), jq:FILTER (the
    /// answer is JSON, and all that the filter makes of it is true), json-schema:FILE (it fits the schema). All are
    /// checked, and all that fail are told.
    #[arg(long = "expect", value_name = "KIND:TEXT")]
    checks: Vec<Check>,
    /// Ask for JSON of this form, in the provider's own way, and check the answer all the same
    #[arg(long, value_name = "FILE")]
    schema: Option<PathBuf>,
    /// Ask once more, saying what is wrong, where the answer does not fit --schema
    #[arg(long, requires = "schema")]
    pub(super) repair: bool,
    /// The most it may cost, repair included
    #[arg(long, value_name = "USD", value_parser = dollars)]
    max_cost: Option<NanoUsd>,
    /// The longest it may take, like `2s`
    #[arg(long, value_name = "DUR", value_parser = humantime::parse_duration)]
    max_latency: Option<Duration>,
    /// The longest its first words may take
    #[arg(long, value_name = "DUR", value_parser = humantime::parse_duration)]
    max_first_token: Option<Duration>,
    /// The most tokens it may have; --max-tokens makes the model stop
    #[arg(long, value_name = "N")]
    max_output_tokens: Option<u64>,
    /// Let an answer pass that was cut by the token limit
    #[arg(long)]
    allow_truncated: bool,
}

impl Expected {
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
}

fn dollars(text: &str) -> Result<NanoUsd, String> {
    let usd: f64 =
        text.trim_start_matches('$').parse().map_err(|_| "it is a number of dollars, like 0.01".to_owned())?;
    if (0.0..=1e6).contains(&usd) { Ok(NanoUsd::from_usd(usd)) } else { Err("it must be from 0 to 1000000".into()) }
}
