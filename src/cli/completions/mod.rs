//! `mcpchat completions`: shell completion scripts, and the completions they request. At each key the shell runs this
//! program with `_MCPCHAT_COMPLETE`, which completes what the command line accepts and the names that are in use.

mod words;

use std::io::{self, Write};

use clap::{Args, ValueEnum};
use clap_complete::{
    CompleteEnv,
    env::{Bash, EnvCompleter, Fish, Powershell, Shells, Zsh},
};

use super::{Exit, Failure, definition};

/// The variable that the scripts set.
const VARIABLE: &str = "_MCPCHAT_COMPLETE";
const PROGRAM: &str = "mcpchat";
const SHELLS: Shells<'static> = Shells(&[&Bash, &Fish, &Powershell, &Zsh]);

/// Replaces the script of `clap_complete`, which splits `llama3:8b` into words.
const IN_BASH: &str = include_str!("bash.sh");
/// The line that registers the completion; a script that zsh autoloads at the first completion has to complete too.
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

/// Prints completions and ends the process, if a shell requests them; returns otherwise.
pub fn run_completer() {
    if std::env::var_os(VARIABLE).is_none() {
        return;
    }
    let completer = CompleteEnv::with_factory(|| words::known(definition())).var(VARIABLE).shells(SHELLS);
    let arguments = std::env::args_os();
    // Errors are ignored: the line that is being typed is not disturbed.
    completer.try_complete(arguments, std::env::current_dir().ok().as_deref()).ok();
    std::process::exit(0)
}
