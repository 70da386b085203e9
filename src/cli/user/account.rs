//! Creating, listing, showing and deleting accounts.

use std::{pin::pin, time::Duration};

use clap::Args;
use tokio::time::timeout;

use super::{
    super::{operator, output::Output},
    Exit, Failure, Global, Mutation, PasswordSource, show_made, words,
};
use crate::{
    app::{App, UserFilter, UserSpec},
    model::{Email, Role, UserName},
    terminal,
};

/// A removal that takes longer gets a note.
const NOTE_AFTER: Duration = Duration::from_secs(1);

/// Create an account
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mcpchat user add ada --email ada@example.org
  mcpchat user add root --admin --generate-password
  pass show mcpchat/bob | mcpchat user add bob --password-stdin --reason 'ticket 4711'")]
pub struct Add {
    /// User name: letters, digits, `.`, `_` and `-`
    username: UserName,
    /// Email address; it can be used to log in too
    #[arg(long, value_name = "EMAIL")]
    email: Option<Email>,
    /// Short for `--role admin`
    #[arg(long, conflicts_with = "role")]
    admin: bool,
    /// Role of the account
    #[arg(long, default_value = "user", value_parser = words(Role::ALL, Role::as_str))]
    role: Role,
    #[command(flatten)]
    password: PasswordSource,
    #[command(flatten)]
    mutation: Mutation,
}

/// List accounts, sorted by name
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mcpchat user list
  mcpchat user list --role admin --json
  mcpchat user list --query example.org -o plain | cut -f1")]
pub struct List {
    /// Only accounts whose name or email contains this
    #[arg(long, value_name = "TEXT")]
    query: Option<String>,
    /// Only accounts with this role
    #[arg(long, value_parser = words(Role::ALL, Role::as_str))]
    role: Option<Role>,
    /// Only enabled (true) or disabled (false) accounts
    #[arg(long, value_name = "BOOL")]
    enabled: Option<bool>,
}

/// Show an account
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  mcpchat user show ada\n  mcpchat user show ada@example.org --json")]
pub struct Show {
    /// A user name, an email or an id
    user: String,
}

/// Delete an account, with its sessions, API keys and conversations
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mcpchat user delete ada --reason 'asked for it, ticket 4711'
  mcpchat user delete ada --dry-run
  mcpchat user delete ada --yes --json

The audit log keeps what the user did. To keep the conversations, disable the account instead.")]
pub struct Delete {
    /// A user name, an email or an id
    user: String,
    #[command(flatten)]
    mutation: Mutation,
}

impl Add {
    pub(super) async fn run(self, global: &Global) -> Result<Exit, Failure> {
        let password = self.password.read(self.username.as_str())?;
        let role = if self.admin { Role::Admin } else { self.role };
        let spec = UserSpec { username: self.username, email: self.email, role, password: password.into() };
        let admin = self.mutation.admin();
        let made = global.app().await?.add_user(&admin, &spec).await?;
        show_made(global, &self.mutation, &admin, made)
    }
}

impl List {
    pub(super) async fn run(self, global: &Global) -> Result<Exit, Failure> {
        let (app, admin) = (global.app().await?, operator::admin());
        let filter = UserFilter { query: self.query, role: self.role, enabled: self.enabled };
        let (mut users, mut cursor) = (Vec::new(), None);
        loop {
            let page = app.list_users(&admin, &filter, cursor.as_deref(), 200).await?;
            users.extend(page.items);
            cursor = page.next_cursor;
            if cursor.is_none() {
                break;
            }
        }
        global.out().list(&users)?;
        Ok(Exit::Done)
    }
}

impl Show {
    pub(super) async fn run(self, global: &Global) -> Result<Exit, Failure> {
        let user = global.app().await?.show_user(&operator::admin(), &self.user).await?;
        global.out().one(&user)?;
        Ok(Exit::Done)
    }
}

impl Delete {
    pub(super) async fn run(self, global: &Global) -> Result<Exit, Failure> {
        let (app, admin) = (global.app().await?, self.mutation.admin());
        let user = app.show_user(&admin, &self.user).await?;
        let name = terminal::line(&user.username);
        self.mutation.confirm(&format!("Delete `{name}` with all their conversations? This cannot be undone."))?;
        let deleted = app.delete_user(&admin, &user.id.to_string()).await?;
        let exit = self.mutation.show(&global.out(), &admin, &deleted)?;
        if !self.mutation.dry_run {
            remove_what_is_left(&app, &global.out()).await?;
        }
        Ok(exit)
    }
}

/// Removes the conversations of a deleted account, which may be many.
async fn remove_what_is_left(app: &App, out: &Output) -> Result<(), Failure> {
    let mut removal = pin!(app.remove_deleted_users());
    if timeout(NOTE_AFTER, &mut removal).await.is_err() {
        out.say("the account is deleted; its conversations are being removed (if this is stopped, a running `mcpchat serve` goes on)");
        removal.await?;
    }
    Ok(())
}
