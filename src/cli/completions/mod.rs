//! `mcpchat completions`, and what the scripts that it prints ask for: at each key the shell runs this program with
//! `_MCPCHAT_COMPLETE`, so that it completes what the program itself understands, and the names that are in use.

mod words;

use std::io::{self, Write};

use clap::{Args, ValueEnum};
use clap_complete::{
    CompleteEnv,
    env::{Bash, EnvCompleter, Fish, Powershell, Shells, Zsh},
};

use super::{Exit, Failure, definition};

/// Set by the scripts.
const VARIABLE: &str = "_MCPCHAT_COMPLETE";
const PROGRAM: &str = "mcpchat";
const SHELLS: Shells<'static> = Shells(&[&Bash, &Fish, &Powershell, &Zsh]);

/// In the place of the one that comes with `clap_complete`, which takes the parts of `llama3:8b` for words of their own.
const IN_BASH: &str = include_str!("bash.sh");
/// A script that zsh loads by itself, at the first completion, has to complete then too.
const ZSH_REGISTERS: &str = "compdef _clap_dynamic_completer_mcpchat mcpchat";
const ZSH_REGISTERS_OR_COMPLETES: &str = "\
if [ \"$funcstack[1]\" = \"_mcpchat\" ]; then
    _clap_dynamic_completer_mcpchat \"$@\"
else
    compdef _clap_dynamic_completer_mcpchat mcpchat
fi";

/// Print the completion script of a shell; it completes the names of users, models and limits too
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mcpchat completions bash > /etc/bash_completion.d/mcpchat
  mcpchat completions zsh > /usr/local/share/zsh/site-functions/_mcpchat
  mcpchat completions fish > ~/.config/fish/completions/mcpchat.fish")]
pub struct Completions {
    /// The shell
    shell: Shell,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Shell {
    Bash,
    Fish,
    Powershell,
    Zsh,
}

impl Completions {
    pub(super) fn run(&self) -> Result<Exit, Failure> {
        let shell: &dyn EnvCompleter = match self.shell {
            Shell::Bash => return print(IN_BASH),
            Shell::Fish => &Fish,
            Shell::Powershell => &Powershell,
            Shell::Zsh => &Zsh,
        };
        let mut script = Vec::new();
        shell.write_registration(VARIABLE, PROGRAM, PROGRAM, PROGRAM, &mut script)?;
        print(&String::from_utf8_lossy(&script).replace(ZSH_REGISTERS, ZSH_REGISTERS_OR_COMPLETES))
    }
}

fn print(script: &str) -> Result<Exit, Failure> {
    io::stdout().lock().write_all(script.trim().as_bytes())?;
    io::stdout().lock().write_all(b"\n")?;
    Ok(Exit::Done)
}

/// Answers a shell that completes a line, and ends the process; returns if none does.
pub fn answer_the_shell() {
    if std::env::var_os(VARIABLE).is_none() {
        return;
    }
    let completer = CompleteEnv::with_factory(|| words::known(definition())).var(VARIABLE).shells(SHELLS);
    let arguments = std::env::args_os();
    // Whatever goes wrong, the line that is being typed is not disturbed.
    completer.try_complete(arguments, std::env::current_dir().ok().as_deref()).ok();
    std::process::exit(0)
}
