//! `mcpchat ratelimit set` and `unset`: overrides for single users.

use std::str::FromStr;

use chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta, Utc};
use clap::Args;
use serde::Serialize;

use super::{Exit, Failure, Global, time};
use crate::{
    app::{OverrideSpec, OverrideView},
    cli::{mutation::Mutation, output::Row},
    clock,
    model::Invalid,
    terminal::line,
};

/// Override a rule's maximum for one user; it takes effect within a second on all servers
#[derive(Debug, Args)]
#[command(mut_arg("reason", |reason| reason.required(true)))]
#[command(after_help = "\
Examples:
  mcpchat ratelimit set ada per-minute --max 300 --until 2h --reason 'load test'
  mcpchat ratelimit set ada spend --max 50 --until 2026-12-24 --reason 'approved by Eve'   US dollars
  mcpchat ratelimit set eve per-minute --max 0 --reason 'runaway script'                   blocks all")]
pub struct Set {
    /// A user name, an email or an id
    user: String,
    /// A rule that counts per user; `mcpchat ratelimit show` lists them
    rule: String,
    /// The user's maximum; of cost, in US dollars
    #[arg(long, value_name = "N")]
    max: f64,
    /// When the override ends: 2h for two hours from now, 2026-12-24, or 2026-12-24T18:00:00Z [default: never]
    #[arg(long, value_name = "TIME")]
    until: Option<End>,
    #[command(flatten)]
    mutation: Mutation,
}

/// Remove a user's override; the rule's own maximum applies again
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  mcpchat ratelimit unset ada per-minute --reason 'the load test is over'")]
pub struct Unset {
    /// A user name, an email or an id
    user: String,
    /// The rule
    rule: String,
    #[command(flatten)]
    mutation: Mutation,
}

impl Set {
    pub(super) async fn run(self, global: &Global) -> Result<Exit, Failure> {
        let admin = self.mutation.admin();
        let spec = OverrideSpec { max: self.max, until: self.until.map(|end| end.0) };
        let made = global.app().await?.set_override(&admin, &self.user, &self.rule, &spec).await?;
        Ok(self.mutation.show(&global.out(), &admin, &made)?)
    }
}

impl Unset {
    pub(super) async fn run(self, global: &Global) -> Result<Exit, Failure> {
        let (admin, out) = (self.mutation.admin(), global.out());
        match global.app().await?.unset_override(&admin, &self.user, &self.rule).await? {
            Some(what) => Ok(self.mutation.show(&out, &admin, &Removed { what, removed: true })?),
            None => {
                let (user, rule) = (line(&self.user), line(&self.rule));
                out.say(&format!("`{user}` has no override of `{rule}`; nothing was changed"));
                Ok(Exit::Done)
            }
        }
    }
}

/// An override that was removed.
#[derive(Serialize)]
struct Removed {
    #[serde(flatten)]
    what: OverrideView,
    removed: bool,
}

impl Row for Removed {
    const HEADINGS: &'static [&'static str] = &["removed override of", "rule", "maximum was", "set by", "reason was"];

    fn cells(&self) -> Vec<String> {
        let OverrideView { username, rule, max, reason, set_by, .. } = &self.what;
        vec![username.clone(), rule.clone(), max.to_string(), set_by.clone(), reason.clone()]
    }
}

impl Row for OverrideView {
    const HEADINGS: &'static [&'static str] = &["user", "rule", "max", "until", "reason", "set_by", "set_at"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.username.clone(),
            self.rule.clone(),
            self.max.to_string(),
            self.until.map_or_else(|| "no end".into(), time),
            self.reason.clone(),
            self.set_by.clone(),
            time(self.set_at),
        ]
    }
}

/// A point in time: a time, the beginning of a day in UTC, or a duration from now.
#[derive(Clone, Copy, Debug)]
struct End(DateTime<Utc>);

impl FromStr for End {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let time = || Some(DateTime::parse_from_rfc3339(text).ok()?.to_utc());
        let day = || Some(text.parse::<NaiveDate>().ok()?.and_time(NaiveTime::MIN).and_utc());
        let from_now = || {
            let long = TimeDelta::from_std(humantime::parse_duration(text).ok()?).ok()?;
            clock::now().checked_add_signed(long)
        };
        let end = time().or_else(day).or_else(from_now);
        end.map(Self).ok_or_else(|| {
            Invalid::new("time", "must be like 2026-12-24T18:00:00Z, 2026-12-24, or 2h for two hours from now")
        })
    }
}
