//! Sessions: the logins of users.

use clap::Args;
use serde::Serialize;

use super::{super::output::Row, Exit, Failure, Global, Mutation, time};
use crate::{app::App, model::Session, terminal};

/// List a user's sessions, or end them
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mcpchat user sessions ada
  mcpchat user sessions ada --json
  mcpchat user sessions ada --revoke --reason 'laptop lost'

API keys are not sessions: `mcpchat key list` shows them, `mcpchat key revoke` ends them.")]
pub struct Sessions {
    /// A user name, an email or an id
    user: String,
    /// End them all; within a second their tokens are refused and their streams closed
    #[arg(long)]
    revoke: bool,
    #[command(flatten)]
    mutation: Mutation,
}

impl Sessions {
    pub(super) async fn run(self, global: &Global) -> Result<Exit, Failure> {
        let app = global.app().await?;
        if self.revoke { self.end(&app, global).await } else { self.list(&app, global).await }
    }

    async fn list(&self, app: &App, global: &Global) -> Result<Exit, Failure> {
        if self.mutation.dry_run {
            return Err(Failure::Usage(
                "`--dry-run` goes with `--revoke`; without it the sessions are only listed".into(),
            ));
        }
        let (admin, mut sessions, mut cursor) = (self.mutation.admin(), Vec::new(), None);
        loop {
            let page = app.list_sessions(&admin, &self.user, cursor.as_deref(), 200).await?;
            sessions.extend(page.items);
            cursor = page.next_cursor;
            if cursor.is_none() {
                break;
            }
        }
        global.out().list(&sessions)?;
        Ok(Exit::Done)
    }

    async fn end(&self, app: &App, global: &Global) -> Result<Exit, Failure> {
        self.mutation.confirm(&format!("End all sessions of `{}`?", terminal::line(&self.user)))?;
        let admin = self.mutation.admin();
        let revoked = app.revoke_sessions(&admin, &self.user).await?;
        Ok(self.mutation.show(&global.out(), &admin, &Revoked { revoked })?)
    }
}

/// How many sessions were ended.
#[derive(Serialize)]
struct Revoked {
    revoked: u64,
}

impl Row for Revoked {
    const HEADINGS: &'static [&'static str] = &["revoked"];

    fn cells(&self) -> Vec<String> {
        vec![self.revoked.to_string()]
    }
}

impl Row for Session {
    const HEADINGS: &'static [&'static str] =
        &["created_at", "last_used_at", "expires_at", "address", "user_agent", "id"];

    fn cells(&self) -> Vec<String> {
        let or_none = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".into());
        vec![
            time(self.created_at),
            time(self.last_used_at),
            time(self.expires_at),
            or_none(&self.address),
            or_none(&self.user_agent),
            self.id.to_string(),
        ]
    }
}
