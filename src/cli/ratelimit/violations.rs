//! `mcpchat ratelimit violations`: recent refusals.

use clap::Args;

use super::{Exit, Failure, Global, time};
use crate::{
    app::{RefusalView, ViolationView},
    cli::{operator, output::Row},
};

/// Default number of rows.
const ROWS: u32 = 50;

/// Show which users, keys and addresses were refused by which limit, the latest first
///
/// Refusals of the same rule are counted together as long as less than 24 hours pass between them.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mcpchat ratelimit violations
  mcpchat ratelimit violations ada
  mcpchat ratelimit violations --id 018f2f6e-7c1a-7b3e-9d5a-3c2b1a0f9e8d
  mcpchat ratelimit violations -n 1000 -o ndjson | jq -r .subject")]
pub struct Violations {
    /// Only violations of this user: account, login names and keys
    user: Option<String>,
    /// The refusals with this decision id or request id, with the limit's values as they were
    #[arg(long, value_name = "ID", conflicts_with_all = ["user", "rows"])]
    id: Option<String>,
    /// Maximum number of rows
    #[arg(short = 'n', long = "rows", value_name = "N", default_value_t = ROWS, value_parser = clap::value_parser!(u32).range(1..))]
    rows: u32,
}

impl Violations {
    pub(super) async fn run(self, global: &Global) -> Result<Exit, Failure> {
        let app = global.app().await?;
        if let Some(id) = &self.id {
            global.out().list(&app.refusals(&operator::admin(), id).await?)?;
            return Ok(Exit::Done);
        }
        let page = app.violations(&operator::admin(), self.user.as_deref(), None, self.rows).await?;
        let out = global.out();
        out.list(&page.items)?;
        if page.next_cursor.is_some() {
            out.say(&format!("these are the latest {}; `--rows` shows more", page.items.len()));
        }
        Ok(Exit::Done)
    }
}

impl Row for ViolationView {
    const HEADINGS: &'static [&'static str] = &["who", "rule", "count", "last", "until"];

    fn cells(&self) -> Vec<String> {
        let who = match &self.username {
            Some(name) if self.subject.starts_with("key:") => format!("{} ({name})", self.subject),
            _ => self.subject.clone(),
        };
        let until = self.until.map_or_else(|| "never".into(), time);
        vec![who, self.rule.clone(), self.count.to_string(), time(self.last), until]
    }
}

impl Row for RefusalView {
    const HEADINGS: &'static [&'static str] =
        &["at", "who", "rule", "limit", "used", "reserved", "asked for", "retry after", "decision", "request"];

    fn cells(&self) -> Vec<String> {
        vec![
            time(self.at),
            self.subject.clone(),
            self.rule.clone(),
            self.limit.to_string(),
            self.used.to_string(),
            self.reserved.to_string(),
            self.requested.to_string(),
            self.retry_after_secs.map_or_else(|| "never".into(), |secs| format!("{secs} s")),
            self.decision_id.to_string(),
            self.request_id.clone(),
        ]
    }
}
