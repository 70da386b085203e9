//! `mcpchat man`: manual pages, generated from the definition of the command line. The sections that no definition has
//! are here: exit status, files and environment; the examples are those of the help.

use std::{
    fmt::Write as _,
    fs,
    io::{self, Write as _},
    path::PathBuf,
};

use clap::{Arg, Args, Command};

use super::{Exit, Failure, definition};

/// Print the manual page, or write all of them into a folder
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mcpchat man | man -l -
  mcpchat man --out /usr/local/share/man/man1")]
pub struct Man {
    /// The folder; it is made if it is not there
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// The date of this version.
const RELEASED: &str = "2026-11-25";
/// Maximum line length of a page.
const LONGEST_LINE: usize = 78;

const FILES: &[(&str, &str)] = &[
    (
        "$XDG_CONFIG_HOME/mcpchat/config.toml",
        "The configuration, if neither --config nor MCPCHAT_CONFIG names another; ~/.config if the variable is not set. A \
         mcpchat.toml in the current folder is read only if it is named.",
    ),
    ("/etc/mcpchat/config.toml", "The configuration, if that file does not exist."),
    (
        "$XDG_DATA_HOME/mcpchat/mcpchat.db",
        "The database, if none is configured; ~/.local/share if the variable is not set.",
    ),
    (
        "mcpchat.key, mcpchat.audit.key",
        "Beside a SQLite database: the keys that sign logins and checkpoints of the audit log.",
    ),
];

const ENVIRONMENT: &[(&str, &str)] = &[
    ("MCPCHAT_CONFIG", "The configuration file."),
    ("MCPCHAT_<SECTION>__<KEY>", "A value of the configuration, before the file's: MCPCHAT_SERVER__LISTEN."),
    ("DATABASE_URL, REDIS_URL", "The database and Redis."),
    ("OPENAI_API_KEY, ANTHROPIC_API_KEY", "Keys of providers; where no provider is configured, each makes its own."),
    ("MCPCHAT_JWT_SECRET", "What signs logins; at least 32 bytes."),
    ("MCPCHAT_SERVER, MCPCHAT_TOKEN", "The server that chat asks, and the token or API key it shows."),
    ("NO_COLOR", "No colors, if it is set to anything."),
    ("COLUMNS", "The width that tables are fitted to, instead of the terminal's."),
];

impl Man {
    pub(super) fn run(&self) -> Result<Exit, Failure> {
        let mut command = definition();
        command.build();
        let called = Called { command: &command, words: vec![command.get_name()] };
        match &self.out {
            None => io::stdout().lock().write_all(page(&called).as_bytes())?,
            Some(folder) => {
                fs::create_dir_all(folder)?;
                for (name, text) in pages(&called) {
                    fs::write(folder.join(format!("{name}.1")), text)?;
                }
            }
        }
        Ok(Exit::Done)
    }
}

/// A command, and the words by which it is called.
struct Called<'a> {
    command: &'a Command,
    words: Vec<&'a str>,
}

impl<'a> Called<'a> {
    fn below(&self, sub: &'a Command) -> Self {
        Self { command: sub, words: [self.words.as_slice(), &[sub.get_name()]].concat() }
    }

    /// The name of its page.
    fn name(&self) -> String {
        self.words.join("-")
    }

    fn subcommands(&self) -> impl Iterator<Item = Self> {
        let shown = |sub: &&Command| !sub.is_hide_set() && sub.get_name() != "help";
        self.command.get_subcommands().filter(shown).map(|sub| self.below(sub))
    }
}

/// The pages of a command and of all its subcommands, each with its name.
fn pages(called: &Called<'_>) -> Vec<(String, String)> {
    let mut all = vec![(called.name(), page(called))];
    called.subcommands().for_each(|sub| all.extend(pages(&sub)));
    all
}

fn page(called: &Called<'_>) -> String {
    let (command, name) = (called.command, called.name());
    let about = text(command.get_about());
    let mut page = String::new();
    let version = env!("CARGO_PKG_VERSION");
    line(&mut page, &format!(".TH {} 1 {RELEASED} \"mcpchat {version}\" \"mcpchat manual\"", name.to_uppercase()));
    section(&mut page, "NAME");
    line(&mut page, &wrapped(&format!("{} \\- {}", escaped(&name), escaped(&about)), "\n"));
    section(&mut page, "SYNOPSIS");
    synopsis(&mut page, called);
    section(&mut page, "DESCRIPTION");
    paragraph(&mut page, &format!("{}.", text(command.get_long_about().or(command.get_about())).trim_end_matches('.')));
    let (examples, more) = split_help(&text(command.get_after_help()));
    if !more.is_empty() {
        line(&mut page, ".PP");
        paragraph(&mut page, &more);
    }
    commands(&mut page, called);
    options(&mut page, command);
    exit_status(&mut page);
    entries(&mut page, "FILES", FILES);
    entries(&mut page, "ENVIRONMENT", ENVIRONMENT);
    section(&mut page, "EXAMPLES");
    line(&mut page, ".nf");
    let examples = if examples.is_empty() { examples_below(called) } else { examples };
    for example in examples.lines() {
        // A line with a backslash at its end goes on in the next one.
        line(&mut page, &wrapped(&escaped(example.strip_prefix("  ").unwrap_or(example)), " \\\n"));
    }
    line(&mut page, ".fi");
    see_also(&mut page, called);
    page
}

fn synopsis(page: &mut String, called: &Called<'_>) {
    let command = called.command;
    let mut usage = format!("\\fB{}\\fR", escaped(&called.words.join(" ")));
    if command.get_opts().next().is_some() {
        usage.push_str(" [\\fIOPTIONS\\fR]");
    }
    for arg in command.get_positionals() {
        let shown = format!("\\fI{}\\fR", escaped(&value_of(arg)));
        let _ = if arg.is_required_set() { write!(usage, " {shown}") } else { write!(usage, " [{shown}]") };
    }
    if called.subcommands().next().is_some() {
        usage.push_str(" \\fICOMMAND\\fR");
    }
    line(page, &usage);
}

fn commands(page: &mut String, called: &Called<'_>) {
    for (index, sub) in called.subcommands().enumerate() {
        if index == 0 {
            section(page, "COMMANDS");
        }
        line(page, ".TP");
        line(page, &format!("\\fB{}\\fR(1)", escaped(&sub.name())));
        paragraph(page, &text(sub.command.get_about()));
    }
}

fn options(page: &mut String, command: &Command) {
    section(page, "OPTIONS");
    let shown = |arg: &&Arg| !arg.is_hide_set();
    for arg in command.get_positionals().chain(command.get_opts()).chain(flags(command)).filter(shown) {
        line(page, ".TP");
        line(page, &heading(arg));
        let help = text(arg.get_help());
        paragraph(page, if help.is_empty() { "What it is about." } else { &help });
        let values: Vec<String> = arg.get_possible_values().iter().map(|value| value.get_name().to_owned()).collect();
        if !values.is_empty() && arg.get_action().takes_values() {
            line(page, ".br");
            paragraph(page, &format!("One of {}.", values.join(", ")));
        }
        let defaults: Vec<_> = arg.get_default_values().iter().map(|value| value.to_string_lossy()).collect();
        if !defaults.is_empty() && arg.get_action().takes_values() {
            line(page, ".br");
            paragraph(page, &format!("Default: {}.", defaults.join(", ")));
        }
        if let Some(variable) = arg.get_env() {
            line(page, ".br");
            paragraph(page, &format!("Also by the variable {}.", variable.to_string_lossy()));
        }
    }
}

fn flags(command: &Command) -> impl Iterator<Item = &Arg> {
    command.get_arguments().filter(|arg| !arg.is_positional() && !arg.get_action().takes_values())
}

/// `-o, --output <OUTPUT>`.
fn heading(arg: &Arg) -> String {
    if arg.is_positional() {
        return format!("\\fI{}\\fR", escaped(&value_of(arg)));
    }
    let short = arg.get_short().map(|short| format!("\\fB\\-{short}\\fR"));
    let long = arg.get_long().map(|long| format!("\\fB\\-\\-{}\\fR", escaped(long)));
    let names = short.into_iter().chain(long).collect::<Vec<_>>().join(", ");
    if arg.get_action().takes_values() { format!("{names} \\fI{}\\fR", escaped(&value_of(arg))) } else { names }
}

fn value_of(arg: &Arg) -> String {
    let named = arg.get_value_names().and_then(|names| names.first()).map(ToString::to_string);
    named.unwrap_or_else(|| arg.get_id().as_str().to_uppercase())
}

fn exit_status(page: &mut String) {
    let sentence = |meaning: &str| meaning[..1].to_uppercase() + &meaning[1..] + ".";
    let all = Exit::MEANINGS.map(|(exit, meaning)| ((exit as u8).to_string(), sentence(meaning)));
    entries(page, "EXIT STATUS", &all.each_ref().map(|(code, says)| (code.as_str(), says.as_str())));
}

fn entries(page: &mut String, title: &str, entries: &[(&str, &str)]) {
    section(page, title);
    for (name, says) in entries {
        line(page, ".TP");
        line(page, &format!("\\fB{}\\fR", escaped(name)));
        paragraph(page, says);
    }
}

/// Splits the text below the help's options into the examples and the rest.
fn split_help(help: &str) -> (String, String) {
    let Some((before, after)) = help.split_once("Examples:\n") else { return (String::new(), help.trim().to_owned()) };
    let (examples, rest) = after.split_once("\n\n").unwrap_or((after, ""));
    // Exit codes have a section of their own.
    let rest = rest.split("Exit codes:").next().unwrap_or_default();
    (examples.to_owned(), format!("{before}{rest}").trim().to_owned())
}

/// The first example of each subcommand, for a command that only groups others.
fn examples_below(called: &Called<'_>) -> String {
    let first = |sub: Called<'_>| split_help(&text(sub.command.get_after_help())).0.lines().next().map(str::to_owned);
    called.subcommands().filter_map(first).collect::<Vec<_>>().join("\n")
}

fn see_also(page: &mut String, called: &Called<'_>) {
    let above = called.words.split_last().map(|(_, above)| above.join("-")).filter(|above| !above.is_empty());
    let mut others: Vec<String> = above.into_iter().chain(called.subcommands().map(|sub| sub.name())).collect();
    others.sort();
    if others.is_empty() {
        return;
    }
    section(page, "SEE ALSO");
    let others: Vec<String> = others.iter().map(|other| format!("\\fB{}\\fR(1)", escaped(other))).collect();
    line(page, &others.join(",\n"));
}

fn section(page: &mut String, title: &str) {
    line(page, &format!(".SH {}", if title.contains(' ') { format!("\"{title}\"") } else { title.to_owned() }));
}

fn line(page: &mut String, text: &str) {
    page.push_str(text);
    page.push('\n');
}

/// Writes sentences, each on a line of its own, as troff wants them.
fn paragraph(page: &mut String, text: &str) {
    let parts = text.lines().map(str::trim).filter(|part| !part.is_empty());
    for sentence in parts.flat_map(|part| part.split_inclusive(". ")) {
        line(page, &wrapped(&escaped(sentence.trim_end()), "\n"));
    }
}

/// Wraps text between words, with `at_break` at each break.
fn wrapped(text: &str, at_break: &str) -> String {
    let mut words = text.split(' ');
    let mut lines = vec![words.next().unwrap_or_default().to_owned()];
    for word in words {
        match lines.last_mut() {
            Some(last) if last.len() + 1 + word.len() <= LONGEST_LINE => {
                last.push(' ');
                last.push_str(word);
            }
            _ if word.starts_with(['.', '\'']) => lines.push(format!("\\&{word}")),
            _ => lines.push(word.to_owned()),
        }
    }
    lines.join(at_break)
}

fn text(styled: Option<&clap::builder::StyledStr>) -> String {
    styled.map(ToString::to_string).unwrap_or_default()
}

/// Escapes text for troff, whatever it begins with.
fn escaped(text: &str) -> String {
    let escape = |line: &str| {
        let plain = line.replace('\\', "\\e").replace('-', "\\-").replace('…', "...").replace('·', "\\(bu");
        if plain.starts_with(['.', '\'']) { format!("\\&{plain}") } else { plain }
    };
    text.split('\n').map(escape).collect::<Vec<_>>().join("\n")
}
