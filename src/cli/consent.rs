//! Confirmation of destructive commands. Without a terminal only `--yes` gives it.

use std::io::{self, BufRead, IsTerminal, Write};

use clap::Args;

use super::Failure;

#[derive(Clone, Debug, Args)]
pub(super) struct Consent {
    /// Do not ask for confirmation
    #[arg(short, long)]
    yes: bool,
}

impl Consent {
    /// Asks for confirmation. Errors: there is no terminal, or the user declines; nothing was changed.
    pub(super) fn ask(&self, question: &str) -> Result<(), Failure> {
        if self.yes {
            return Ok(());
        }
        if !io::stdin().is_terminal() {
            return Err(Failure::Usage("there is no terminal to ask for confirmation; add `--yes` to confirm".into()));
        }
        write!(io::stderr().lock(), "{question} [y/N] ")?;
        let mut answer = String::new();
        io::stdin().lock().read_line(&mut answer)?;
        if matches!(answer.trim().to_lowercase().as_str(), "y" | "yes") {
            return Ok(());
        }
        Err(Failure::Usage("not confirmed; nothing was changed".into()))
    }
}
