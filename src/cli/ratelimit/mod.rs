//! `mcpchat ratelimit`: what users have used of their limits, overrides for single users, violations, and resets.

mod overrides;
mod reset;
mod show;
mod violations;

use chrono::{DateTime, Utc};
use clap::Subcommand;

use super::{Exit, Failure, Global};

/// Show rate limits, set overrides, and reset counters
#[derive(Debug, Subcommand)]
pub enum Ratelimit {
    Show(show::Show),
    Set(overrides::Set),
    Unset(overrides::Unset),
    Reset(reset::Reset),
    Violations(violations::Violations),
}

impl Ratelimit {
    pub(super) async fn run(self, global: &Global) -> Result<Exit, Failure> {
        match self {
            Self::Show(show) => show.run(global).await,
            Self::Set(set) => set.run(global).await,
            Self::Unset(unset) => unset.run(global).await,
            Self::Reset(reset) => reset.run(global).await,
            Self::Violations(violations) => violations.run(global).await,
        }
    }
}

fn time(time: DateTime<Utc>) -> String {
    time.format("%Y-%m-%d %H:%M:%SZ").to_string()
}
