//! `mcpchat user`: accounts. One file per group of subcommands; here, the output.

mod access;
mod account;
mod role;
mod sessions;

use clap::Subcommand;
use serde::Serialize;

use super::{Exit, Failure, Global, choice::words, mutation::Mutation, output::Row, password::PasswordSource};
use crate::{
    app::{Admin, MadeUser},
    model,
};

/// Manage accounts
#[derive(Debug, Subcommand)]
pub enum User {
    Add(account::Add),
    List(account::List),
    Show(account::Show),
    Promote(role::Promote),
    Demote(role::Demote),
    Enable(access::Enable),
    Disable(access::Disable),
    Password(access::Password),
    Sessions(sessions::Sessions),
    Delete(account::Delete),
}

impl User {
    pub(super) async fn run(self, global: &Global) -> Result<Exit, Failure> {
        match self {
            Self::Add(add) => add.run(global).await,
            Self::List(list) => list.run(global).await,
            Self::Show(show) => show.run(global).await,
            Self::Promote(promote) => promote.run(global).await,
            Self::Demote(demote) => demote.run(global).await,
            Self::Enable(enable) => enable.run(global).await,
            Self::Disable(disable) => disable.run(global).await,
            Self::Password(password) => password.run(global).await,
            Self::Sessions(sessions) => sessions.run(global).await,
            Self::Delete(delete) => delete.run(global).await,
        }
    }
}

/// Prints an account and, only once, its generated password.
fn show_made(global: &Global, mutation: &Mutation, admin: &Admin, made: MadeUser) -> Result<Exit, Failure> {
    let out = global.out();
    match made.generated_password.filter(|_| !admin.is_dry_run()) {
        Some(password) => {
            let made = WithPassword { user: made.user, password: password.expose().into() };
            Ok(mutation.show(&out, admin, &made)?)
        }
        None => Ok(mutation.show(&out, admin, &made.user)?),
    }
}

fn time(time: chrono::DateTime<chrono::Utc>) -> String {
    time.format("%Y-%m-%d %H:%M:%SZ").to_string()
}

impl Row for model::User {
    const HEADINGS: &'static [&'static str] =
        &["username", "email", "role", "enabled", "created_at", "last_login_at", "id"];

    fn cells(&self) -> Vec<String> {
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

/// An account with its generated password; shown only once.
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
