//! The command line. One file per command group: its arguments and its `run`. Results go to stdout, messages to stderr.

mod audit;
mod chat;
mod choice;
mod completions;
mod config;
mod consent;
mod doctor;
mod exit;
mod failure;
mod key;
mod man;
mod migrate;
mod model;
mod mutation;
mod openapi;
mod operator;
mod output;
mod password;
mod ratelimit;
mod serve;
mod signals;
mod table;
mod turn;
mod user;

use std::{path::PathBuf, sync::Arc};

use clap::{Args, CommandFactory, Parser, Subcommand};

pub use self::{
    completions::run_completer, exit::Exit, failure::Failure, output::Output, serve::Serve, signals::Signals,
};
use crate::{
    app::{App, Purpose},
    config::{Environment, Loaded, Overrides},
    terminal::Color,
};

/// A multi-user chat service for language models, and its administration.
#[derive(Debug, Parser)]
#[command(name = "mcpchat", version, about, propagate_version = true, after_help = after_help(), max_term_width = 100)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

const EXAMPLES: &str = "\
Examples:
  mcpchat serve --dev              try the service: SQLite, a built-in model, an admin account
  mcpchat chat \"Hello\"             ask one question
  mcpchat user add ada --admin     create an account

Exit codes:";

fn after_help() -> String {
    let line = |(exit, meaning): &(Exit, &str)| format!("\n  {:>3}  {meaning}", *exit as u8);
    EXAMPLES.to_owned() + &Exit::MEANINGS.iter().map(line).collect::<String>()
}

/// Flags that every command takes.
#[derive(Clone, Debug, Args)]
pub struct Global {
    /// Read this configuration file instead of looking for one
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Output format
    #[arg(short, long, global = true, value_enum, default_value = "table", conflicts_with = "json")]
    pub output: output::Format,
    /// Short for `--output json`
    #[arg(long, global = true)]
    pub json: bool,
    /// When to use color; NO_COLOR turns it off too
    #[arg(long, global = true, value_enum, default_value = "auto")]
    pub color: Color,
    /// Log more; repeat for even more
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    Serve(Serve),
    Chat(Box<chat::Chat>),
    #[command(subcommand)]
    User(user::User),
    #[command(subcommand)]
    Key(key::Key),
    #[command(subcommand)]
    Ratelimit(ratelimit::Ratelimit),
    #[command(subcommand)]
    Model(model::Model),
    #[command(subcommand)]
    Turn(turn::Turn),
    #[command(subcommand)]
    Audit(audit::Audit),
    Migrate(migrate::Migrate),
    #[command(subcommand)]
    Config(config::Config),
    Doctor(doctor::Doctor),
    Completions(completions::Completions),
    Man(man::Man),
    Openapi(openapi::Openapi),
}

impl Global {
    /// The output format, `--json` included.
    pub fn format(&self) -> output::Format {
        if self.json { output::Format::Json } else { self.output }
    }

    pub fn out(&self) -> Output {
        Output::new(self.format(), self.color)
    }

    /// Loads the configuration, and prints which file was passed over. Errors: everything that is wrong with it.
    pub fn load(&self, overrides: Overrides) -> Result<Loaded, Failure> {
        let loaded = self.read(overrides)?;
        loaded.ignored_file.iter().for_each(|ignored_file| self.out().say(&format!("note: {ignored_file}")));
        Ok(loaded)
    }

    /// Loads the configuration without output.
    fn read(&self, overrides: Overrides) -> Result<Loaded, Failure> {
        let overrides = Overrides { config: self.config.clone(), ..overrides };
        crate::config::load(&overrides, &Environment::of_process()).map_err(Failure::Config)
    }

    /// Opens the app for one command, its database ready.
    pub(crate) async fn app(&self) -> Result<Arc<App>, Failure> {
        self.app_with(Overrides::default()).await
    }

    pub(crate) async fn app_with(&self, overrides: Overrides) -> Result<Arc<App>, Failure> {
        let app = App::open(self.load(overrides)?.config, Purpose::Command).await?;
        app.require_schema().await?;
        Ok(app)
    }
}

/// Runs any command but `serve` and `openapi`, which `main` runs.
pub async fn run(command: Command, global: &Global) -> Result<Exit, Failure> {
    match command {
        Command::Serve(_) | Command::Openapi(_) => unreachable!("`main` serves and describes"),
        Command::Chat(chat) => chat.run(global).await,
        Command::User(user) => user.run(global).await,
        Command::Key(key) => key.run(global).await,
        Command::Ratelimit(ratelimit) => ratelimit.run(global).await,
        Command::Model(model) => model.run(global).await,
        Command::Turn(turn) => turn.run(global).await,
        Command::Audit(audit) => audit.run(global).await,
        Command::Migrate(migrate) => migrate.run(global).await,
        Command::Config(config) => config.run(global),
        Command::Doctor(doctor) => doctor.run(global).await,
        Command::Completions(completions) => completions.run(),
        Command::Man(man) => man.run(),
    }
}

/// The whole definition, for completions and manual pages.
fn definition() -> clap::Command {
    Cli::command()
}
