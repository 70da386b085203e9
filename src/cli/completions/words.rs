//! Completion of names: which arguments have them, and their candidates from `app`, with the configuration that the
//! line being typed names.

use std::{ffi::OsStr, path::PathBuf};

use clap::{Arg, Command, ValueHint, builder::ValueRange};
use clap_complete::engine::{ArgValueCompleter, CompletionCandidate};
use tokio::runtime;

use crate::{
    app::{Wanted, suggestions},
    config::{self, Environment, Overrides},
};

/// The command's definition, with a completer for each argument that has one.
pub(super) fn known(command: Command) -> Command {
    let group = command.get_name().to_owned();
    command.mut_args(with_words).mut_subcommands(|sub| {
        let sub = known(sub);
        let command = sub.get_name().to_owned();
        sub.mut_args(|arg| match (&*group, &*command, arg.get_id().as_str()) {
            ("turn", _, "id") => of(arg, Wanted::RunningTurn),
            // Not every rule can have an override, and not every account can be acted as.
            ("ratelimit", "set" | "unset", "rule") => of(arg, Wanted::UserRule),
            (_, "chat", "user") => of(arg, Wanted::EnabledUser),
            _ => arg,
        })
    })
}

/// Adds completers by the arguments' ids, which are the same in every command.
fn with_words(arg: Arg) -> Arg {
    match arg.get_id().as_str() {
        "user" | "actor" | "target" => of(arg, Wanted::User),
        "model" => of(arg, Wanted::Model),
        "rule" => of(arg, Wanted::Rule),
        _ if is_a_path(&arg) => arg.value_hint(ValueHint::AnyPath),
        // Without a hint the shell would offer files, which make no sense for `--reason`.
        _ if takes_free_text(&arg) => arg.value_hint(ValueHint::Other),
        _ => arg,
    }
}

fn of(arg: Arg, wanted: Wanted) -> Arg {
    arg.add(ArgValueCompleter::new(move |beginning: &OsStr| words(wanted, beginning)))
}

fn is_a_path(arg: &Arg) -> bool {
    let names = arg.get_value_names().unwrap_or_default();
    names.iter().any(|name| matches!(name.as_str(), "FILE" | "DIR" | "PATH"))
}

fn takes_free_text(arg: &Arg) -> bool {
    let takes_values = arg.get_action().takes_values() && arg.get_num_args() != Some(ValueRange::EMPTY);
    takes_values && arg.get_possible_values().is_empty() && arg.get_value_hint() == ValueHint::Unknown
}

fn words(wanted: Wanted, beginning: &OsStr) -> Vec<CompletionCandidate> {
    let Some(beginning) = beginning.to_str() else { return Vec::new() };
    // A server has models of its own.
    if wanted == Wanted::Model && asks_a_server() {
        return Vec::new();
    }
    let overrides = Overrides { config: named_config(), ..Overrides::default() };
    let Ok(loaded) = config::load(&overrides, &Environment::of_process()) else { return Vec::new() };
    let Ok(runtime) = runtime::Builder::new_current_thread().enable_all().build() else { return Vec::new() };
    let found = runtime.block_on(suggestions(&loaded.config, wanted, beginning));
    // A DNS lookup that hangs must not block the shell.
    runtime.shutdown_background();
    let candidate =
        |found: crate::app::Suggestion| CompletionCandidate::new(found.word).help(found.about.map(Into::into));
    found.into_iter().map(candidate).collect()
}

/// `--config FILE` on the line that is being typed.
fn named_config() -> Option<PathBuf> {
    value_of("--config").map(PathBuf::from)
}

fn asks_a_server() -> bool {
    value_of("--server").or_else(|| std::env::var("MCPCHAT_SERVER").ok()).is_some_and(|url| !url.is_empty())
}

/// The value of a flag on the line that is being typed.
fn value_of(flag: &str) -> Option<String> {
    let mut words = std::env::args().skip_while(|word| word != "--").skip(1);
    while let Some(word) = words.next() {
        if word == flag {
            return words.next();
        }
        if let Some(value) = word.strip_prefix(flag).and_then(|rest| rest.strip_prefix('=')) {
            return Some(value.to_owned());
        }
    }
    None
}
