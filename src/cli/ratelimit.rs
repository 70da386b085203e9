//! `mcpchat ratelimit`: a user's limits.

use clap::{Args, Subcommand};
use serde::Serialize;
use serde_json::json;

use super::{
    Exit, Failure, Global,
    consent::Consent,
    mutation::Mutation,
    output::{Format, Row},
};
use crate::{app::LimitView, terminal};

/// Look at limits and clear them
#[derive(Debug, Subcommand)]
pub enum Ratelimit {
    Show(Show),
    Reset(Reset),
}

/// Show each limit of a user: used, left, and when it is free again
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  mcpchat ratelimit show ada\n  mcpchat ratelimit show ada --json")]
pub struct Show {
    /// A user name or an email
    user: String,
}

/// Clear every counter of a user, login limits and violations included
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mcpchat ratelimit reset ada --reason 'batch job approved'
  mcpchat ratelimit reset --all --yes")]
pub struct Reset {
    /// A user name or an email
    #[arg(required_unless_present = "all")]
    user: Option<String>,
    /// Everybody's counters, addresses included
    #[arg(long, conflicts_with = "user")]
    all: bool,
    #[command(flatten)]
    consent: Consent,
    #[command(flatten)]
    mutation: Mutation,
}

impl Ratelimit {
    pub(super) async fn run(self, global: &Global) -> Result<Exit, Failure> {
        match self {
            Self::Show(show) => show.run(global).await,
            Self::Reset(reset) => reset.run(global).await,
        }
    }
}

impl Show {
    async fn run(self, global: &Global) -> Result<Exit, Failure> {
        let (_, limits) = global.app().await?.show_limits(&self.user).await?;
        global.out().list(&limits)?;
        Ok(Exit::Done)
    }
}

impl Reset {
    async fn run(self, global: &Global) -> Result<Exit, Failure> {
        let admin = self.mutation.admin();
        let app = global.app().await?;
        let out = global.out();
        let whose = match &self.user {
            Some(user) => format!("user `{}`", terminal::line(&app.show_user(&admin, user).await?.username)),
            None => "everybody".to_owned(),
        };
        if !self.mutation.dry_run {
            self.consent.ask(&format!("Clear every limit counter of {whose}?"))?;
        }
        let reset = match &self.user {
            Some(user) => app.reset_limits(&admin, user).await?,
            None => app.reset_all_limits(&admin).await?,
        };
        if self.mutation.dry_run {
            return Ok(self.mutation.show(&out, &admin, &Cleared { whose })?);
        }
        match out.format {
            Format::Json | Format::Ndjson => out.json(&json!({ "reset": reset }))?,
            Format::Plain => out.print(&reset.to_string())?,
            Format::Table if reset == 0 => out.print("there was nothing to reset")?,
            Format::Table => out.print(&format!("the limits of {whose} are reset"))?,
        }
        Ok(Exit::Done)
    }
}

/// Whose counters would be cleared.
#[derive(Serialize)]
struct Cleared {
    whose: String,
}

impl Row for Cleared {
    const HEADINGS: &'static [&'static str] = &["cleared"];

    fn cells(&self) -> Vec<String> {
        vec![format!("every limit counter of {}", self.whose)]
    }
}

impl Row for LimitView {
    const HEADINGS: &'static [&'static str] =
        &["rule", "limit", "used", "remaining", "window", "reset in", "violations"];

    fn cells(&self) -> Vec<String> {
        let seconds = |secs: Option<u64>| secs.map_or_else(|| "-".into(), |secs| format!("{secs} s"));
        vec![
            self.rule.clone(),
            self.limit.to_string(),
            self.used.to_string(),
            self.remaining.to_string(),
            seconds(self.window_secs),
            seconds(self.reset_secs),
            self.violations.to_string(),
        ]
    }
}
