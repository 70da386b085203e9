//! `mcpchat completions` and `mcpchat man`: generated from the definition of the command line.

use std::{
    fs,
    io::{self, Write},
    path::PathBuf,
};

use clap::Args;
use clap_complete::Shell;

use super::{Exit, Failure, definition};

/// Print the completion script of a shell
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  mcpchat completions bash > /etc/bash_completion.d/mcpchat")]
pub struct Completions {
    shell: Shell,
}

/// Print the manual page, or write all of them into a folder
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  mcpchat man | man -l -\n  mcpchat man --out /usr/local/share/man/man1")]
pub struct Man {
    /// The folder; it is made if it is not there
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

impl Completions {
    pub(super) fn run(&self) -> Result<Exit, Failure> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut definition(), "mcpchat", &mut script);
        io::stdout().lock().write_all(&script)?;
        Ok(Exit::Done)
    }
}

impl Man {
    pub(super) fn run(&self) -> Result<Exit, Failure> {
        match &self.out {
            None => clap_mangen::Man::new(definition()).render(&mut io::stdout().lock())?,
            Some(folder) => {
                fs::create_dir_all(folder)?;
                clap_mangen::generate_to(definition(), folder)?;
            }
        }
        Ok(Exit::Done)
    }
}
