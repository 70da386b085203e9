//! What accounts may do.

use clap::Args;

use super::{Exit, Failure, Global, Mutation};
use crate::model::Role;

/// Let a user do more: make them an admin, or an auditor
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mcpchat user promote ada --reason 'new on the team'
  mcpchat user promote eve --role auditor
  mcpchat user promote ada --dry-run")]
pub struct Promote {
    /// A user name, an email or an id
    user: String,
    /// auditor (reads the audit log) or admin
    #[arg(long, default_value = "admin")]
    role: Role,
    #[command(flatten)]
    mutation: Mutation,
}

/// Let a user do less: make them an ordinary user, or an auditor
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mcpchat user demote ada --reason 'changed teams'
  mcpchat user demote ada --role auditor

The last enabled admin stays one.")]
pub struct Demote {
    /// A user name, an email or an id
    user: String,
    /// user or auditor
    #[arg(long, default_value = "user")]
    role: Role,
    #[command(flatten)]
    mutation: Mutation,
}

impl Promote {
    pub(super) async fn run(self, global: &Global) -> Result<Exit, Failure> {
        let admin = self.mutation.admin();
        let user = global.app().await?.promote_user(&admin, &self.user, self.role).await?;
        Ok(self.mutation.show(&global.out(), &admin, &user)?)
    }
}

impl Demote {
    pub(super) async fn run(self, global: &Global) -> Result<Exit, Failure> {
        let admin = self.mutation.admin();
        let user = global.app().await?.demote_user(&admin, &self.user, self.role).await?;
        Ok(self.mutation.show(&global.out(), &admin, &user)?)
    }
}
