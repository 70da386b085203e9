//! `mcpchat ratelimit show`: each rule, and a user's usage of it.

use clap::Args;
use serde::Serialize;

use super::{Exit, Failure, Global, time};
use crate::{
    app::{Amount, LimitView, OverrideView},
    cli::{operator, output::Row},
};

/// Show the limits; for a user also what is used, what is left, and when it resets
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mcpchat ratelimit show                       the rules
  mcpchat ratelimit show ada
  mcpchat ratelimit show ada --json | jq '.[] | select(.remaining == 0)'")]
pub struct Show {
    /// A user name, an email or an id
    user: Option<String>,
}

impl Show {
    pub(super) async fn run(self, global: &Global) -> Result<Exit, Failure> {
        let limits = global.app().await?.show_limits(&operator::admin(), self.user.as_deref()).await?;
        let out = global.out();
        if self.user.is_some() {
            out.list(&limits)?;
        } else {
            out.list(&limits.iter().map(Rule).collect::<Vec<_>>())?;
        }
        Ok(Exit::Done)
    }
}

impl Row for LimitView {
    const HEADINGS: &'static [&'static str] =
        &["rule", "per", "limit", "used", "reserved", "left", "resets", "violations", "override"];

    fn cells(&self) -> Vec<String> {
        let amount = |amount: Option<Amount>| amount.map_or_else(|| "-".into(), |amount| amount.to_string());
        vec![
            self.rule.clone(),
            self.whom(),
            amount(self.limit),
            amount(self.used),
            amount(self.reserved),
            amount(self.remaining),
            self.reset_secs.map_or_else(|| "-".into(), from_now),
            self.violations.map_or_else(|| "-".into(), |count| count.to_string()),
            self.max_override.as_ref().map_or_else(|| "-".into(), |max_override| self.override_text(max_override)),
        ]
    }
}

impl LimitView {
    /// The subject of a row: with which one, where a user has several keys or names.
    fn whom(&self) -> String {
        match (self.per, self.subject.as_deref().and_then(|subject| subject.split_once(':'))) {
            ("key" | "name", Some((_, which))) => format!("{} {which}", self.per),
            _ => self.per.to_owned(),
        }
    }

    fn override_text(&self, max_override: &OverrideView) -> String {
        let end = max_override.until.map_or_else(|| "no end".into(), |until| format!("until {}", time(until)));
        let OverrideView { set_by, reason, .. } = max_override;
        format!("replaces {}, {end}, set by {set_by}: {reason}", self.max)
    }
}

/// A rule without usage.
#[derive(Serialize)]
#[serde(transparent)]
struct Rule<'a>(&'a LimitView);

impl Row for Rule<'_> {
    const HEADINGS: &'static [&'static str] = &["rule", "per", "count", "max", "window"];

    fn cells(&self) -> Vec<String> {
        let LimitView { rule, per, count, max, window, .. } = self.0;
        let window = window.clone().unwrap_or_else(|| "at once".into());
        vec![rule.clone(), (*per).to_owned(), (*count).to_owned(), max.to_string(), window]
    }
}

/// Formats a time in its two largest units: `in 5h 12m`.
fn from_now(secs: u64) -> String {
    if secs == 0 {
        return "-".into();
    }
    let units = [(secs / 86_400, "d"), (secs / 3_600 % 24, "h"), (secs / 60 % 60, "m"), (secs % 60, "s")];
    let told = units.iter().skip_while(|(many, _)| *many == 0).take(2).filter(|(many, _)| *many > 0);
    format!("in {}", told.map(|(many, unit)| format!("{many}{unit}")).collect::<Vec<_>>().join(" "))
}
