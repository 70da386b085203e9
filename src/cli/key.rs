//! `mcpchat key`: API keys.

use std::time::Duration;

use clap::{Args, Subcommand};
use serde::Serialize;

use super::{
    Exit, Failure, Global,
    choice::words,
    mutation::Mutation,
    output::{Format, Row},
};
use crate::{
    app::{KeySpec, OwnedKey},
    clock,
    model::{KeyName, Scope, Scopes},
    terminal,
};

/// Manage API keys
#[derive(Debug, Subcommand)]
pub enum Key {
    Add(Add),
    List(List),
    Revoke(Revoke),
}

/// Create an API key; it is printed only once
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  KEY=$(mcpchat key add ada --name ci --scope chat)
  mcpchat key add ada --name backup --scope read --expires 90d --json")]
pub struct Add {
    /// A user name or an email
    user: String,
    /// Name of the key
    #[arg(long)]
    name: KeyName,
    /// What the key may do; can be repeated
    #[arg(long = "scope", value_name = "SCOPE", required = true, value_parser = words(Scope::ALL, Scope::as_str))]
    scopes: Vec<Scope>,
    /// Time until it expires, like `90d`; without it the key does not expire
    #[arg(long, value_name = "DUR", value_parser = humantime::parse_duration)]
    expires: Option<Duration>,
    #[command(flatten)]
    mutation: Mutation,
}

/// List API keys, the newest first
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mcpchat key list
  mcpchat key list ada --json")]
pub struct List {
    /// Only those of this user: a name or an email
    user: Option<String>,
}

/// Revoke an API key; it is refused everywhere within a second
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mcpchat key revoke mck_4yJq8hTzWm2c --reason 'found in a log'
  mcpchat key list ada -o plain | cut -f1 | xargs -n1 mcpchat key revoke --yes")]
pub struct Revoke {
    /// The key's prefix (`mck_…`) or its id; never the whole key
    id: String,
    #[command(flatten)]
    mutation: Mutation,
}

impl Key {
    pub(super) async fn run(self, global: &Global) -> Result<Exit, Failure> {
        match self {
            Self::Add(add) => add.run(global).await,
            Self::List(list) => list.run(global).await,
            Self::Revoke(revoke) => revoke.run(global).await,
        }
    }
}

impl Add {
    async fn run(self, global: &Global) -> Result<Exit, Failure> {
        let spec = KeySpec {
            name: self.name,
            scopes: Scopes::try_from(self.scopes).map_err(crate::app::Error::from)?,
            expires_at: self.expires.map(after).transpose()?,
        };
        let admin = self.mutation.admin();
        let made = global.app().await?.add_key(&admin, &self.user, &spec).await?;
        let out = global.out();
        if self.mutation.dry_run {
            return Ok(self.mutation.show(&out, &admin, &made.about)?);
        }
        match out.format {
            Format::Json | Format::Ndjson => {
                out.json(&WholeKey { about: made.about, key: made.text.expose().to_owned() })?;
            }
            Format::Table | Format::Plain => {
                let key = &made.about.key;
                let end = key.expires_at.map_or_else(|| "it is revoked".into(), time);
                out.say(&format!("API key with the scopes {}, valid until {end}; it is shown only once:", key.scopes));
                out.print(made.text.expose())?;
            }
        }
        Ok(Exit::Done)
    }
}

impl List {
    async fn run(self, global: &Global) -> Result<Exit, Failure> {
        let app = global.app().await?;
        let (mut keys, mut cursor) = (Vec::new(), None);
        loop {
            let page = app.list_keys(self.user.as_deref(), cursor.as_deref(), 200).await?;
            keys.extend(page.items);
            cursor = page.next_cursor;
            if cursor.is_none() {
                break;
            }
        }
        global.out().list(&keys)?;
        Ok(Exit::Done)
    }
}

impl Revoke {
    async fn run(self, global: &Global) -> Result<Exit, Failure> {
        let (app, out) = (global.app().await?, global.out());
        let found = app.show_key(&self.id).await?;
        let (name, user) = (terminal::line(&found.key.name), terminal::line(&found.username));
        self.mutation.confirm(&format!("Revoke the key `{name}` of `{user}`?"))?;
        let admin = self.mutation.admin();
        let revoked = app.revoke_key(&admin, &self.id).await?;
        Ok(self.mutation.show(&out, &admin, &revoked)?)
    }
}

/// The time this far ahead.
fn after(life: Duration) -> Result<chrono::DateTime<chrono::Utc>, Failure> {
    let life = chrono::TimeDelta::from_std(life).ok();
    let end = life.and_then(|life| clock::now().checked_add_signed(life));
    end.ok_or_else(|| Failure::Usage("`--expires` lies too far ahead; leave it out for a key without an end".into()))
}

fn time(time: chrono::DateTime<chrono::Utc>) -> String {
    time.format("%Y-%m-%d %H:%M:%SZ").to_string()
}

/// A key with its full text; shown only once.
#[derive(Serialize)]
struct WholeKey {
    #[serde(flatten)]
    about: OwnedKey,
    key: String,
}

impl Row for OwnedKey {
    const HEADINGS: &'static [&'static str] =
        &["key", "user", "name", "scopes", "created_at", "expires_at", "last_used_at", "revoked_at", "id"];

    fn cells(&self) -> Vec<String> {
        let or = |at: Option<chrono::DateTime<chrono::Utc>>, word: &str| at.map_or_else(|| word.into(), time);
        let key = &self.key;
        vec![
            key.prefix.clone(),
            self.username.clone(),
            key.name.clone(),
            key.scopes.to_string(),
            time(key.created_at),
            or(key.expires_at, "never"),
            or(key.last_used_at, "never"),
            or(key.revoked_at, "-"),
            key.id.to_string(),
        ]
    }
}
