//! `mcpchat model`: the available models.

use clap::{Args, Subcommand};

use super::{Exit, Failure, Global, chat::Server, output::Row};
use crate::{
    app::{ModelInfo, configured_models},
    config::Overrides,
};

/// Show the models that can be asked
#[derive(Debug, Subcommand)]
pub enum Model {
    List(List),
}

/// List the models that `chat --model` takes; the first is the default
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mcpchat model list
  mcpchat model list -o plain | cut -f1
  mcpchat model list --server https://chat.example.org

With --server the token is read from MCPCHAT_TOKEN.")]
pub struct List {
    /// List the models of this server instead of the configured ones
    #[arg(long, value_name = "URL", env = "MCPCHAT_SERVER", hide_env_values = true)]
    server: Option<String>,
}

impl Model {
    pub(super) async fn run(self, global: &Global) -> Result<Exit, Failure> {
        let Self::List(list) = self;
        let models = match list.server.filter(|url| !url.is_empty()) {
            Some(url) => Server::new(&url)?.models().await?,
            None => configured_models(&global.load(Overrides::default())?.config),
        };
        global.out().list(&models)?;
        Ok(Exit::Done)
    }
}

impl Row for ModelInfo {
    const HEADINGS: &'static [&'static str] = &["name", "provider", "max_output_tokens", "context_window"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.name.clone(),
            self.provider.clone(),
            self.max_output_tokens.to_string(),
            self.context_window.to_string(),
        ]
    }
}
