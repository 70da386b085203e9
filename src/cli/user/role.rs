//! Roles of accounts.

use clap::Args;

use super::{Exit, Failure, Global, Mutation, words};
use crate::model::Role;

/// Give an account a higher role: admin, or auditor
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mcpchat user promote ada --reason 'new on the team'
  mcpchat user promote eve --role auditor
  mcpchat user promote ada --dry-run")]
pub struct Promote {
    /// A user name, an email or an id
    user: String,
    /// New role; an auditor reads the audit log
    #[arg(long, default_value = "admin", value_parser = words(&[Role::Auditor, Role::Admin], Role::as_str))]
    role: Role,
    #[command(flatten)]
    mutation: Mutation,
}

/// Give an account a lower role: user, or auditor
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mcpchat user demote ada --reason 'changed teams'
  mcpchat user demote ada --role auditor

The last enabled admin cannot be demoted.")]
pub struct Demote {
    /// A user name, an email or an id
    user: String,
    /// New role
    #[arg(long, default_value = "user", value_parser = words(&[Role::User, Role::Auditor], Role::as_str))]
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
