//! Enabling and disabling accounts, and their passwords.

use clap::Args;

use super::{Exit, Failure, Global, Mutation, PasswordSource, show_made};
use crate::terminal;

/// Enable a disabled account
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  mcpchat user enable ada --reason 'back from leave'")]
pub struct Enable {
    /// A user name, an email or an id
    user: String,
    #[command(flatten)]
    mutation: Mutation,
}

/// Disable an account: no login, and its sessions and running turns end within a second
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mcpchat user disable ada --reason 'left the company'
  mcpchat user disable ada --dry-run")]
pub struct Disable {
    /// A user name, an email or an id
    user: String,
    #[command(flatten)]
    mutation: Mutation,
}

/// Set a new password; all sessions of the account end
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mcpchat user password ada
  mcpchat user password ada --generate-password --reason 'forgotten'")]
pub struct Password {
    /// A user name, an email or an id
    user: String,
    #[command(flatten)]
    password: PasswordSource,
    #[command(flatten)]
    mutation: Mutation,
}

impl Enable {
    pub(super) async fn run(self, global: &Global) -> Result<Exit, Failure> {
        let admin = self.mutation.admin();
        let user = global.app().await?.enable_user(&admin, &self.user).await?;
        Ok(self.mutation.show(&global.out(), &admin, &user)?)
    }
}

impl Disable {
    pub(super) async fn run(self, global: &Global) -> Result<Exit, Failure> {
        let name = terminal::line(&self.user);
        self.mutation
            .confirm(&format!("Disable `{name}`, end all sessions and cancel all running turns of the account?"))?;
        let admin = self.mutation.admin();
        let user = global.app().await?.disable_user(&admin, &self.user).await?;
        let out = global.out();
        let after = admin.rows().pop().and_then(|row| row.after);
        if let Some(count) =
            after.and_then(|after| after["cancelled_turns"].as_u64()).filter(|_| !self.mutation.dry_run)
        {
            out.say(&format!("{count} running {} being cancelled", if count == 1 { "turn is" } else { "turns are" }));
        }
        Ok(self.mutation.show(&out, &admin, &user)?)
    }
}

impl Password {
    pub(super) async fn run(self, global: &Global) -> Result<Exit, Failure> {
        let (app, admin) = (global.app().await?, self.mutation.admin());
        let user = app.show_user(&admin, &self.user).await?;
        let password = self.password.read(&user.username)?;
        let made = app.set_user_password(&admin, &user.id.to_string(), password.as_ref()).await?;
        show_made(global, &self.mutation, &admin, made)
    }
}
