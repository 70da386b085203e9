//! `mcpchat user`: accounts.

use clap::{Args, Subcommand};
use serde::Serialize;

use super::{Exit, Failure, Global, Mutation, consent::Consent, operator, output::Row, password::PasswordSource};
use crate::{
    app::{MadeUser, UserFilter, UserSpec},
    model::{self, Email, Role, UserName},
    terminal,
};

/// Manage accounts
#[derive(Debug, Subcommand)]
pub enum User {
    Add(Add),
    List(List),
    Show(Show),
    Password(Password),
    Enable(Enable),
    Disable(Disable),
}

/// Make an account
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mcpchat user add ada --email ada@example.org
  mcpchat user add root --admin --generate-password
  pass show mcpchat/bob | mcpchat user add bob --password-stdin --reason 'ticket 4711'")]
pub struct Add {
    /// Letters, digits, `.`, `_` and `-`
    username: UserName,
    /// A second name to log in with
    #[arg(long, value_name = "EMAIL")]
    email: Option<Email>,
    /// Short for `--role admin`
    #[arg(long, conflicts_with = "role")]
    admin: bool,
    /// user, auditor or admin
    #[arg(long, default_value = "user")]
    role: Role,
    #[command(flatten)]
    password: PasswordSource,
    #[command(flatten)]
    mutation: Mutation,
}

/// List accounts by name
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mcpchat user list
  mcpchat user list --role admin --json
  mcpchat user list --query example.org -o plain | cut -f1")]
pub struct List {
    /// Only those with this in their name or email
    #[arg(long, value_name = "TEXT")]
    query: Option<String>,
    /// Only those with this role
    #[arg(long)]
    role: Option<Role>,
    /// Only those that are enabled (true) or disabled (false)
    #[arg(long, value_name = "BOOL")]
    enabled: Option<bool>,
}

/// Show an account
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  mcpchat user show ada\n  mcpchat user show ada@example.org --json")]
pub struct Show {
    /// A user name or an email
    user: String,
}

/// Set a new password; all sessions of the user end
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mcpchat user password ada
  mcpchat user password ada --generate-password --reason 'forgotten'")]
pub struct Password {
    /// A user name or an email
    user: String,
    #[command(flatten)]
    password: PasswordSource,
    #[command(flatten)]
    mutation: Mutation,
}

/// Let a disabled user in again
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  mcpchat user enable ada --reason 'back from leave'")]
pub struct Enable {
    /// A user name or an email
    user: String,
    #[command(flatten)]
    mutation: Mutation,
}

/// Shut a user out; all their sessions end within a second
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mcpchat user disable ada --reason 'left the company'
  mcpchat user disable ada --dry-run")]
pub struct Disable {
    /// A user name or an email
    user: String,
    #[command(flatten)]
    consent: Consent,
    #[command(flatten)]
    mutation: Mutation,
}

impl User {
    pub(super) async fn run(self, global: &Global) -> Result<Exit, Failure> {
        match self {
            Self::Add(add) => add.run(global).await,
            Self::List(list) => list.run(global).await,
            Self::Show(show) => show.run(global).await,
            Self::Password(password) => password.run(global).await,
            Self::Enable(enable) => switch(&enable.user, true, &enable.mutation, global).await,
            Self::Disable(disable) => disable.run(global).await,
        }
    }
}

impl Add {
    async fn run(self, global: &Global) -> Result<Exit, Failure> {
        let password = self.password.read(self.username.as_str())?;
        let role = if self.admin { Role::Admin } else { self.role };
        let spec = UserSpec { username: self.username, email: self.email, role, password };
        let admin = operator::admin(self.mutation.reason.as_deref());
        let made = global.app().await?.add_user(&admin, &spec, self.mutation.dry_run).await?;
        show(global, made, self.mutation.dry_run)
    }
}

impl List {
    async fn run(self, global: &Global) -> Result<Exit, Failure> {
        let app = global.app().await?;
        let filter = UserFilter { query: self.query, role: self.role, enabled: self.enabled };
        let (mut users, mut cursor) = (Vec::new(), None);
        loop {
            let page = app.list_users(&filter, cursor.as_deref(), 200).await?;
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
    async fn run(self, global: &Global) -> Result<Exit, Failure> {
        let user = global.app().await?.show_user(&self.user).await?;
        global.out().one(&user)?;
        Ok(Exit::Done)
    }
}

impl Password {
    async fn run(self, global: &Global) -> Result<Exit, Failure> {
        let app = global.app().await?;
        let user = app.show_user(&self.user).await?;
        let password = self.password.read(&user.username)?;
        let admin = operator::admin(self.mutation.reason.as_deref());
        let made = app.set_user_password(&admin, &self.user, password.as_ref(), self.mutation.dry_run).await?;
        show(global, made, self.mutation.dry_run)
    }
}

impl Disable {
    async fn run(self, global: &Global) -> Result<Exit, Failure> {
        if !self.mutation.dry_run {
            self.consent.ask(&format!("Shut out `{}` and end all their sessions?", terminal::line(&self.user)))?;
        }
        switch(&self.user, false, &self.mutation, global).await
    }
}

async fn switch(user: &str, enabled: bool, mutation: &Mutation, global: &Global) -> Result<Exit, Failure> {
    let admin = operator::admin(mutation.reason.as_deref());
    let user = global.app().await?.set_user_enabled(&admin, user, enabled, mutation.dry_run).await?;
    show(global, MadeUser { user, generated_password: None }, mutation.dry_run)
}

fn show(global: &Global, made: MadeUser, dry_run: bool) -> Result<Exit, Failure> {
    let out = global.out();
    if dry_run {
        out.say("nothing was changed; without --dry-run it would be:");
    }
    match made.generated_password.filter(|_| !dry_run) {
        Some(password) => out.one(&WithPassword { user: made.user, password: password.expose().into() })?,
        None => out.one(&made.user)?,
    }
    Ok(Exit::Done)
}

impl Row for model::User {
    const HEADINGS: &'static [&'static str] =
        &["username", "email", "role", "enabled", "created_at", "last_login_at", "id"];

    fn cells(&self) -> Vec<String> {
        let time = |time: chrono::DateTime<chrono::Utc>| time.format("%Y-%m-%d %H:%M:%SZ").to_string();
        vec![
            self.username.clone(),
            self.email.clone().unwrap_or_else(|| "-".into()),
            self.role.to_string(),
            if self.enabled { "yes" } else { "no" }.into(),
            time(self.created_at),
            self.last_login_at.map_or_else(|| "never".into(), time),
            self.id.to_string(),
        ]
    }
}

/// An account whose password was made up; shown this once.
#[derive(Serialize)]
struct WithPassword {
    #[serde(flatten)]
    user: model::User,
    password: String,
}

impl Row for WithPassword {
    const HEADINGS: &'static [&'static str] =
        &["username", "email", "role", "enabled", "created_at", "last_login_at", "id", "password"];

    fn cells(&self) -> Vec<String> {
        let mut cells = self.user.cells();
        cells.push(self.password.clone());
        cells
    }
}
