//! The files of a folder of recordings: one for each request, with the answers in the order in which they came.

use std::{
    collections::HashMap,
    fs, io,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard},
};

use serde::{Deserialize, Serialize};

use super::{asked::Asked, difference, shown};
use crate::{
    config::Redaction,
    model::FinishReason,
    provider::{Failure, FailureKind, Fault, Reply, Tokens},
};

const VERSION: u32 = 1;

pub(super) struct Tape {
    dir: PathBuf,
    /// What was asked so far, by the names of the files.
    seen: Mutex<HashMap<String, Seen>>,
}

#[derive(Default)]
struct Seen {
    times: usize,
    /// Recorded by this process; what another has recorded before is replaced.
    answers: Vec<Answer>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Recording {
    version: u32,
    pub(super) request: Asked,
    /// To the same request again and again: the first, the second, …, and then from the beginning.
    answers: Vec<Answer>,
}

/// What came of one call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Answer {
    text: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    finish_reason: Option<FinishReason>,
    /// `None`: the provider did not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tokens: Option<Used>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    failure: Option<Refusal>,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Used {
    input: u64,
    output: u64,
    #[serde(default)]
    cached: u64,
}

/// A failure that the request itself is to blame for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Refusal {
    code: String,
    detail: String,
}

/// What would come again for the same request. What went wrong on the way there is not written down.
const LASTING: [FailureKind; 3] = [FailureKind::Rejected, FailureKind::ContextTooLong, FailureKind::ContentRefused];

impl Answer {
    /// `None`: the call says nothing about the request.
    pub(super) fn of(text: &str, outcome: &Result<Reply, Failure>, secrets: &Redaction) -> Option<Self> {
        let text = lines(text);
        match outcome {
            Ok(Reply { finish_reason, tokens }) => {
                let used = |Tokens { input, output, cached }: Tokens| Used { input, output, cached };
                Some(Self { text, finish_reason: Some(*finish_reason), tokens: tokens.map(used), failure: None })
            }
            Err(failure) if matches!(failure.kind.fault(), Fault::Request | Fault::Content) => {
                let refusal = Refusal { code: failure.kind.code().into(), detail: secrets.hide(&failure.detail) };
                Some(Self { text, finish_reason: None, tokens: None, failure: Some(refusal) })
            }
            Err(_) => None,
        }
    }

    pub(super) fn text(&self) -> String {
        self.text.join("\n")
    }

    pub(super) fn end(self) -> Result<Reply, Failure> {
        if let Some(Refusal { code, detail }) = self.failure {
            let kind = LASTING.into_iter().find(|kind| kind.code() == code).unwrap_or(FailureKind::Rejected);
            return Err(Failure::new(kind, detail));
        }
        let tokens = self.tokens.map(|Used { input, output, cached }| Tokens { input, output, cached });
        Ok(Reply { finish_reason: self.finish_reason.unwrap_or(FinishReason::Stop), tokens })
    }
}

impl Tape {
    pub(super) fn new(dir: PathBuf) -> Self {
        Self { dir, seen: Mutex::default() }
    }

    /// The next answer to a request; `None` if it was never recorded. Errors: the file cannot be read.
    pub(super) fn next(&self, asked: &Asked) -> Result<Option<Answer>, String> {
        let name = asked.file_name();
        let recording = match read(&self.dir.join(&name)) {
            Ok(recording) => recording,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(format!("{} cannot be read: {error}", self.dir.join(name).display())),
        };
        let mut seen = self.seen();
        let times = &mut seen.entry(name).or_default().times;
        let answer = recording.answers.get(*times % recording.answers.len().max(1)).cloned();
        *times += 1;
        Ok(answer)
    }

    /// Writes an answer down, behind those that this process has heard before. Errors: it cannot be written.
    pub(super) fn add(&self, asked: &Asked, answer: Answer) -> Result<(), String> {
        let name = asked.file_name();
        let mut seen = self.seen();
        let answers = &mut seen.entry(name.clone()).or_default().answers;
        answers.push(answer);
        // The same every time is said once.
        let is_same = answers.iter().all(|answer| *answer == answers[0]);
        let told = if is_same { answers[..1].to_vec() } else { answers.clone() };
        let recording = Recording { version: VERSION, request: asked.clone(), answers: told };
        write(&self.dir, &name, &recording)
            .map_err(|error| format!("{} cannot be written: {error}", self.dir.join(name).display()))
    }

    /// What there is to say about a request that was never recorded.
    pub(super) fn miss(&self, asked: &Asked) -> String {
        let dir = shown(&self.dir);
        let told = format!(
            "this request is not recorded in {}; nobody was called. `mcpchat chat --record {}` records it",
            dir.display(),
            dir.display()
        );
        match difference::nearest(asked, recordings(&self.dir)) {
            Some((name, difference)) => format!("{told}\nnearest: {name}\n{difference}"),
            None => format!("{told}\nthere are no recordings at all"),
        }
    }

    fn seen(&self) -> MutexGuard<'_, HashMap<String, Seen>> {
        self.seen.lock().expect("nobody panics while holding it")
    }
}

/// All that can be read, by the names of their files.
fn recordings(dir: &Path) -> impl Iterator<Item = (String, Recording)> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.sort();
    let dir = dir.to_owned();
    names.into_iter().filter_map(move |name| Some((name.clone(), read(&dir.join(name)).ok()?)))
}

fn read(path: &Path) -> io::Result<Recording> {
    Ok(serde_json::from_slice(&fs::read(path)?)?)
}

/// At once, so that nobody finds half a file.
fn write(dir: &Path, name: &str, recording: &Recording) -> io::Result<()> {
    let new = dir.join(format!(".{name}.{}", std::process::id()));
    fs::write(&new, serde_json::to_string_pretty(recording)? + "\n")?;
    fs::rename(new, dir.join(name))
}

pub(super) fn lines(text: &str) -> Vec<String> {
    text.split('\n').map(str::to_owned).collect()
}
