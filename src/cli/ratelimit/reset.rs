//! `mcpchat ratelimit reset`: clearing counters.

use clap::Args;
use serde::Serialize;
use serde_json::json;

use super::{Exit, Failure, Global};
use crate::{
    cli::{
        consent::Consent,
        mutation::Mutation,
        output::{Format, Row},
    },
    terminal::line,
};

/// Clear every counter of a user: messages, turns, tokens, cost, logins, their keys', and violations
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mcpchat ratelimit reset ada --reason 'batch job approved'
  mcpchat ratelimit reset ada --rule login_name --yes
  mcpchat ratelimit reset --all --yes")]
pub struct Reset {
    /// A user name, an email or an id
    #[arg(required_unless_present = "all")]
    user: Option<String>,
    /// Everybody's counters, addresses included
    #[arg(long, conflicts_with = "user")]
    all: bool,
    /// Only what this rule counts
    #[arg(long, value_name = "RULE")]
    rule: Option<String>,
    #[command(flatten)]
    consent: Consent,
    #[command(flatten)]
    mutation: Mutation,
}

impl Reset {
    pub(super) async fn run(self, global: &Global) -> Result<Exit, Failure> {
        let (admin, out) = (self.mutation.admin(), global.out());
        let app = global.app().await?;
        let whose = match &self.user {
            Some(user) => format!("user `{}`", line(&app.show_user(&admin, user).await?.username)),
            None => "everybody".to_owned(),
        };
        let what = match &self.rule {
            Some(rule) => format!("what `{}` has counted of {whose}", line(rule)),
            None => format!("every limit counter of {whose}"),
        };
        if !self.mutation.dry_run {
            self.consent.ask(&format!("Clear {what}?"))?;
        }
        let rule = self.rule.as_deref();
        let reset = match &self.user {
            Some(user) => app.reset_limits(&admin, user, rule).await?,
            None => app.reset_all_limits(&admin, rule).await?,
        };
        if self.mutation.dry_run {
            return Ok(self.mutation.show(&out, &admin, &Cleared { cleared: what })?);
        }
        match out.format {
            Format::Json | Format::Ndjson => out.json(&json!({ "reset": reset }))?,
            Format::Plain => out.print(&reset.to_string())?,
            Format::Table if reset == 0 => out.print("there was nothing to clear")?,
            Format::Table => out.print(&format!("cleared {what}"))?,
        }
        Ok(Exit::Done)
    }
}

/// What would be cleared.
#[derive(Serialize)]
struct Cleared {
    cleared: String,
}

impl Row for Cleared {
    const HEADINGS: &'static [&'static str] = &["cleared"];

    fn cells(&self) -> Vec<String> {
        vec![self.cleared.clone()]
    }
}
