//! `mcpchat migrate`: the database's schema.

use clap::Args;

use super::{Exit, Failure, Global, output::Row};
use crate::{
    app::{App, Migration, Purpose},
    config::Overrides,
};

/// Migrate the database to this version's schema
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mcpchat migrate
  mcpchat migrate --plan       list what would be applied
  mcpchat migrate --check      exit 8 if something is missing")]
pub struct Migrate {
    /// Change nothing; exit 8 unless the schema is current
    #[arg(long, conflicts_with = "plan")]
    check: bool,
    /// Change nothing; list every migration and whether it is applied
    #[arg(long)]
    plan: bool,
}

impl Migrate {
    pub(super) async fn run(self, global: &Global) -> Result<Exit, Failure> {
        let app = App::open(global.load(Overrides::default())?.config, Purpose::Command).await?;
        let out = global.out();
        if !self.check && !self.plan {
            let applied = app.migrate().await?;
            out.say(&match applied.len() {
                0 => "the schema is current; nothing to do".to_owned(),
                count => format!("applied {count} migrations; the schema is current"),
            });
            return Ok(Exit::Done);
        }
        let schema = app.schema().await?;
        if self.plan {
            out.list(&schema.migrations)?;
            return Ok(Exit::Done);
        }
        if schema.is_current() {
            out.say("the schema is current");
            return Ok(Exit::Done);
        }
        out.say(&match schema.newer.as_slice() {
            [] => "the schema is behind; run `mcpchat migrate`".to_owned(),
            newer => format!("the database has migrations {newer:?} of a newer mcpchat; run that one"),
        });
        Ok(Exit::CheckFailed)
    }
}

impl Row for Migration {
    const HEADINGS: &'static [&'static str] = &["version", "description", "applied"];

    fn cells(&self) -> Vec<String> {
        vec![self.version.to_string(), self.description.clone(), if self.applied { "yes" } else { "no" }.into()]
    }
}
