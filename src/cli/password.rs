//! Password input: a prompt, standard input or a generator, never arguments, which every local process can read.

use std::io::{self, IsTerminal, Read};

use clap::Args;

use super::Failure;
use crate::config::Secret;

/// Maximum input size, more than any password has.
const MAX_BYTES: u64 = 64 * 1024;

#[derive(Debug, Args)]
#[group(multiple = false)]
pub(super) struct PasswordSource {
    /// Read the password from standard input
    #[arg(long)]
    pub(super) password_stdin: bool,
    /// Generate a password and print it
    #[arg(long)]
    pub(super) generate_password: bool,
}

impl PasswordSource {
    /// Reads the password; `None`: one is to be generated.
    pub(super) fn read(&self, user: &str) -> Result<Option<Secret>, Failure> {
        if self.generate_password {
            return Ok(None);
        }
        if self.password_stdin {
            return from_stdin().map(Some);
        }
        if !io::stdin().is_terminal() {
            return Err(Failure::Usage(
                "there is no terminal to ask for the password; use `--password-stdin` or `--generate-password`".into(),
            ));
        }
        let first = rpassword::prompt_password(format!("New password for {user}: "))?;
        let second = rpassword::prompt_password("Again: ")?;
        if first != second {
            return Err(Failure::Usage("the two passwords differ; nothing was changed".into()));
        }
        Ok(Some(Secret::new(first)))
    }
}

/// Reads standard input, without what editors and `echo` add: a byte order mark and line breaks at the end.
fn from_stdin() -> Result<Secret, Failure> {
    let mut bytes = Vec::new();
    io::stdin().take(MAX_BYTES).read_to_end(&mut bytes)?;
    let text = str::from_utf8(&bytes)
        .map_err(|_| Failure::Usage("the password on standard input is not UTF-8 text; nothing was changed".into()))?;
    Ok(Secret::new(text.trim_start_matches('\u{feff}').trim_end_matches(['\r', '\n'])))
}
