//! `mcpchat config`: showing and checking the configuration.

use clap::{Args, Subcommand};
use serde_json::{Map, Value};

use super::{Exit, Failure, Global, output::Row};
use crate::config::{EXAMPLE, Overrides, Setting};

/// Show and check the configuration
#[derive(Debug, Subcommand)]
pub enum Config {
    Show(Show),
    Check(Check),
    Example(Example),
}

/// Print every setting; secrets as ***
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  mcpchat config show\n  mcpchat config show --origin")]
pub struct Show {
    /// Show where each value comes from
    #[arg(long)]
    origin: bool,
}

/// Check the configuration: exit 9 with every mistake, or exit 0; warnings do not change the exit code
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  mcpchat config check --config /etc/mcpchat/config.toml")]
pub struct Check {}

/// Print an annotated configuration with every key and its default
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  mcpchat config example > mcpchat.toml\n  mcpchat config check --config mcpchat.toml"
)]
pub struct Example {}

impl Config {
    pub(super) fn run(self, global: &Global) -> Result<Exit, Failure> {
        let out = global.out();
        if let Self::Example(_) = self {
            out.print(EXAMPLE.trim_end())?;
            return Ok(Exit::Done);
        }
        let loaded = global.load(Overrides::default())?;
        match self {
            Self::Example(_) => {}
            Self::Check(_) => {
                let warnings = loaded.exposed.iter().chain(&loaded.warnings);
                warnings.for_each(|warning| out.say(&format!("warning: {warning}")));
                out.say(&match &loaded.file {
                    Some(file) => format!("the configuration is valid ({})", file.display()),
                    None => "the configuration is valid (no file; defaults and environment)".into(),
                });
            }
            Self::Show(Show { origin: true }) => {
                out.list(&loaded.settings.iter().map(Origin::of).collect::<Vec<_>>())?
            }
            Self::Show(Show { origin: false }) => {
                out.list(&loaded.settings.iter().map(Plain::of).collect::<Vec<_>>())?
            }
        }
        Ok(Exit::Done)
    }
}

struct Plain([String; 2]);

impl Plain {
    fn of(setting: &Setting) -> Self {
        Self([setting.key.to_string(), setting.value.to_string()])
    }
}

struct Origin([String; 3]);

impl Origin {
    fn of(setting: &Setting) -> Self {
        Self([setting.key.to_string(), setting.value.to_string(), setting.origin.to_string()])
    }
}

macro_rules! rows {
    ($($row:ident: $headings:expr;)+) => {$(
        impl Row for $row {
            const HEADINGS: &'static [&'static str] = $headings;

            fn cells(&self) -> Vec<String> {
                self.0.to_vec()
            }
        }

        impl serde::Serialize for $row {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                let members = $row::HEADINGS.iter().zip(&self.0);
                members.map(|(name, value)| ((*name).to_owned(), Value::from(value.as_str()))).collect::<Map<_, _>>().serialize(to)
            }
        }
    )+};
}

rows! {
    Plain: &["key", "value"];
    Origin: &["key", "value", "origin"];
}
