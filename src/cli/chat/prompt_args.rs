//! The prompt of a message: its flags, files and piped text.

use std::{
    fs,
    io::{self, IsTerminal, Read},
    os::{fd::AsFd, unix::fs::FileTypeExt},
    path::PathBuf,
    time::Duration,
};

use clap::Args;
use tokio::time::timeout;

use super::{Failure, Output};
use crate::{
    app::RawTurnRequest,
    config::MAX_MESSAGE,
    eval::{Template, Variables, variable},
    model::{IdPrefix, ResponseFormat, Sampling, without_bom},
};

/// One byte more than any service takes, so that a longer text is refused and not cut.
const MAX_TEXT: u64 = MAX_MESSAGE as u64 + 1;
/// How long standard input may be open before the command says that it waits for its end.
const SILENT_WAIT: Duration = Duration::from_millis(700);
/// Note for an open standard input that stays silent, as under Node's `exec` and some CI systems: it looks like a hang.
const WAITING: &str =
    "note: waiting for the end of standard input, which is open; if nothing is piped in, add `</dev/null`";

#[derive(Debug, Args)]
pub(super) struct PromptArgs {
    /// The question; a piped text is added to it, and `-` reads it from standard input alone
    prompt: Vec<String>,
    /// Read the question from this file; a piped text is added to it
    #[arg(long, value_name = "FILE", conflicts_with = "prompt")]
    prompt_file: Option<PathBuf>,
    /// Continue this conversation: its id, or the first characters of it
    #[arg(short, long, value_name = "ID")]
    pub(super) conversation: Option<IdPrefix>,
    /// Ask this model; `mcpchat model list` lists them
    #[arg(short, long)]
    pub(super) model: Option<String>,
    /// System prompt
    #[arg(long, value_name = "TEXT")]
    pub(super) system: Option<String>,
    /// Sampling temperature, from 0 to 2
    #[arg(long, value_name = "N")]
    pub(super) temperature: Option<f64>,
    /// Maximum length of the answer, in tokens
    #[arg(long, value_name = "N")]
    pub(super) max_tokens: Option<u32>,
    /// Seed for reproducible answers, if the provider supports it
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub(super) seed: Option<i64>,
    /// Value of {{NAME}} in the question and in --system; piped text that is added to a question is left as it is
    #[arg(long = "var", value_name = "NAME=VALUE", value_parser = variable)]
    variables: Vec<(String, String)>,
}

impl PromptArgs {
    pub(super) fn variables(&self) -> Variables {
        self.variables.iter().cloned().collect()
    }

    /// The first given flag that a suite sets per case.
    pub(super) fn first_given(&self) -> Option<&'static str> {
        [
            (self.conversation.is_some(), "--conversation"),
            (self.system.is_some(), "--system"),
            (self.temperature.is_some(), "--temperature"),
            (self.max_tokens.is_some(), "--max-tokens"),
            (self.seed.is_some(), "--seed"),
        ]
        .into_iter()
        .find_map(|(is_given, flag)| is_given.then_some(flag))
    }

    /// Builds the message, its variables filled in. `talk`: where to print that standard input is waited for.
    pub(super) async fn read(
        &self,
        response_format: Option<ResponseFormat>,
        talk: Option<&Output>,
    ) -> Result<RawTurnRequest, Failure> {
        let variables = self.variables();
        let mut template = Template::new(&variables);
        let content = self.content(&mut template, talk).await?;
        let system_prompt = self
            .system
            .as_deref()
            .map(without_bom)
            .map(|text| template.fill(text))
            .transpose()
            .map_err(Failure::Usage)?;
        if let [name, ..] = template.unused().as_slice() {
            return Err(Failure::Usage(format!("nothing in the question has a place for `{name}`: {{{{{name}}}}}")));
        }
        Ok(RawTurnRequest {
            content,
            model: self.model.clone(),
            system_prompt,
            sampling: Sampling { temperature: self.temperature, seed: self.seed, ..Sampling::default() },
            max_tokens: self.max_tokens,
            response_format,
            ..RawTurnRequest::default()
        })
    }

    /// Reads the prompt from the arguments, a file, `-` or a pipe. Piped text is appended as it is; alone it is the
    /// prompt, and its variables are filled in.
    async fn content(&self, template: &mut Template<'_>, talk: Option<&Output>) -> Result<String, Failure> {
        let words = without_bom(&self.prompt.join(" ")).to_owned();
        let wants_input = words == "-";
        let question = match &self.prompt_file {
            Some(path) if path.as_os_str() == "-" => String::new(),
            Some(path) => read_file(path)?,
            None if wants_input => String::new(),
            None => words,
        };
        let wants_input = wants_input || self.prompt_file.as_ref().is_some_and(|path| path.as_os_str() == "-");
        let piped = if wants_input || !io::stdin().is_terminal() { read_stdin(talk).await? } else { String::new() };
        match (question.trim().is_empty(), piped.trim().is_empty()) {
            (true, true) => {
                Err(Failure::Usage("no question; give it as an argument, with --prompt-file, or pipe it in".into()))
            }
            (true, false) => template.fill(&piped).map_err(Failure::Usage),
            (false, true) => template.fill(&question).map_err(Failure::Usage),
            (false, false) => Ok(format!("{}\n\n{piped}", template.fill(&question).map_err(Failure::Usage)?)),
        }
    }
}

fn read_file(path: &PathBuf) -> Result<String, Failure> {
    let told = |why: &dyn std::fmt::Display| Failure::Usage(format!("{} cannot be read: {why}", path.display()));
    let file = fs::File::open(path).map_err(|error| told(&error))?;
    let mut bytes = Vec::new();
    file.take(MAX_TEXT).read_to_end(&mut bytes).map_err(|error| told(&error))?;
    let text = String::from_utf8(bytes).map_err(|_| told(&"it is not UTF-8 text"))?;
    Ok(trimmed(&text))
}

/// Reads standard input on a thread of its own, because the writer of a pipe may never end.
async fn read_stdin(talk: Option<&Output>) -> Result<String, Failure> {
    let mut reading = tokio::task::spawn_blocking(|| {
        let mut bytes = Vec::new();
        io::stdin().take(MAX_TEXT).read_to_end(&mut bytes).map(|_| bytes)
    });
    let read = match timeout(SILENT_WAIT, &mut reading).await {
        Ok(read) => read,
        Err(_) => {
            talk.filter(|_| is_pipe()).inspect(|out| out.say(WAITING));
            reading.await
        }
    };
    let bytes = read.map_err(io::Error::other)??;
    let text = String::from_utf8(bytes).map_err(|_| Failure::Usage("standard input is not UTF-8 text".into()))?;
    Ok(trimmed(&text))
}

/// Whether there may be a writer at the other end of standard input.
fn is_pipe() -> bool {
    let stdin = io::stdin().as_fd().try_clone_to_owned().map(fs::File::from);
    let kind = stdin.and_then(|stdin| stdin.metadata()).map(|stdin| stdin.file_type());
    kind.is_ok_and(|kind| kind.is_fifo() || kind.is_socket())
}

/// Strips the byte order mark before a text and the line breaks behind it, which editors and shells leave.
fn trimmed(text: &str) -> String {
    without_bom(text).trim_end_matches(['\r', '\n']).to_owned()
}
