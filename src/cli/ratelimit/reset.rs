//! `mcpchat ratelimit reset`: resetting counters.

use clap::Args;
use serde::Serialize;
use serde_json::json;

use super::{Exit, Failure, Global};
use crate::{
    cli::{
        mutation::Mutation,
        output::{Format, Row},
    },
    terminal::line,
};

/// Reset a user's counters: messages, turns, tokens, cost, logins, API keys, and violations
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
    /// The counters of all users and addresses
    #[arg(long, conflicts_with = "user")]
    all: bool,
    /// Only the counters of this rule
    #[arg(long, value_name = "RULE")]
    rule: Option<String>,
    #[command(flatten)]
    mutation: Mutation,
}

impl Reset {
    pub(super) async fn run(self, global: &Global) -> Result<Exit, Failure> {
        let (admin, out) = (self.mutation.admin(), global.out());
        let app = global.app().await?;
        let whose = match &self.user {
            Some(user) => format!("user `{}`", line(&app.show_user(&admin, user).await?.username)),
            None => "all users and addresses".to_owned(),
        };
        let what = match &self.rule {
            Some(rule) => format!("the counters of `{}` for {whose}", line(rule)),
            None => format!("all rate-limit counters of {whose}"),
        };
        self.mutation.confirm(&format!("Reset {what}?"))?;
        let rule = self.rule.as_deref();
        let reset = match &self.user {
            Some(user) => app.reset_limits(&admin, user, rule).await?,
            None => app.reset_all_limits(&admin, rule).await?,
        };
        if self.mutation.dry_run {
            return Ok(self.mutation.show(&out, &admin, &WouldReset { reset: what })?);
        }
        match out.format {
            Format::Json | Format::Ndjson => out.json(&json!({ "reset": reset }))?,
            Format::Plain => out.print(&reset.to_string())?,
            Format::Table if reset == 0 => out.print("there was nothing to reset")?,
            Format::Table => out.print(&format!("reset {what}"))?,
        }
        Ok(Exit::Done)
    }
}

/// What would be reset.
#[derive(Serialize)]
struct WouldReset {
    reset: String,
}

impl Row for WouldReset {
    const HEADINGS: &'static [&'static str] = &["reset"];

    fn cells(&self) -> Vec<String> {
        vec![self.reset.clone()]
    }
}
