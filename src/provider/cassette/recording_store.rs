//! A folder of recordings: one file for each request, with the replies in the order in which they came.

use std::{
    collections::{BTreeSet, HashMap},
    fs, io,
    path::{Path, PathBuf},
};

use parking_lot::{Mutex, MutexGuard};
use serde::{Deserialize, Serialize};

use super::{
    difference,
    recorded_request::RecordedRequest,
    redactor::{self, Redactor},
    shown,
};
use crate::{
    config::{Values, unseal},
    model::{FinishReason, bytes_without_bom},
    provider::{Failure, FailureKind, Fault, Reply, Tokens},
    suggestions,
};

/// 2: the request names its provider, and secrets have names.
const VERSION: u32 = 2;

pub(super) struct RecordingStore {
    dir: PathBuf,
    /// The requests so far, by file name.
    seen: Mutex<HashMap<String, Seen>>,
}

#[derive(Default)]
struct Seen {
    times: usize,
    /// Recorded by this process; what another has recorded before is replaced.
    answers: Vec<Answer>,
    secrets: Vec<String>,
}

/// A file name, its recording, and the request's values for its secrets.
type Found = (String, Recording, Values);

/// A reply from a recording.
pub(super) struct Played {
    pub(super) answer: Answer,
    /// The names of the secrets in it.
    pub(super) names: Vec<String>,
    /// The request's values for them.
    pub(super) bound: Values,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Recording {
    version: u32,
    pub(super) request: RecordedRequest,
    /// The names of the redacted secrets, stored as `***NAME***`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    secrets: Vec<String>,
    /// Replies to repeated requests: the first, the second, …, and then from the beginning.
    answers: Vec<Answer>,
}

/// The outcome of one call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Answer {
    text: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    finish_reason: Option<FinishReason>,
    /// `None`: the provider did not report it.
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

/// A failure caused by the request itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Refusal {
    code: String,
    detail: String,
}

/// Failures that the same request would get again. Transient ones are not recorded.
const LASTING: [FailureKind; 3] = [FailureKind::Rejected, FailureKind::ContextTooLong, FailureKind::ContentRefused];

impl Answer {
    /// `None`: a transient failure, which is not recorded.
    pub(super) fn of(text: &str, outcome: &Result<Reply, Failure>, seal: &mut Redactor<'_>) -> Option<Self> {
        let text = lines(&seal.text(text));
        match outcome {
            Ok(Reply { finish_reason, tokens }) => {
                let used = |Tokens { input, output, cached }: Tokens| Used { input, output, cached };
                Some(Self { text, finish_reason: Some(*finish_reason), tokens: tokens.map(used), failure: None })
            }
            Err(failure) if matches!(failure.kind.fault(), Fault::Request | Fault::Content) => {
                let refusal = Refusal { code: failure.kind.code().into(), detail: seal.text(&failure.detail) };
                Some(Self { text, finish_reason: None, tokens: None, failure: Some(refusal) })
            }
            Err(_) => None,
        }
    }

    /// Replaces the names of secrets by their values.
    pub(super) fn with(self, names: &[String], values: &Values) -> Self {
        let text = self.text.iter().map(|line| unseal(line, names, values)).collect();
        let open = |refusal: Refusal| Refusal { detail: unseal(&refusal.detail, names, values), ..refusal };
        Self { text, failure: self.failure.map(open), ..self }
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

impl RecordingStore {
    pub(super) fn new(dir: PathBuf) -> Self {
        Self { dir, seen: Mutex::default() }
    }

    /// The next reply to a request, redacted with the current secrets and not redacted; `None` if it was never
    /// recorded. Errors: the file cannot be read, or several match.
    pub(super) fn next(
        &self,
        sealed: &RecordedRequest,
        open: &RecordedRequest,
        others: &[String],
    ) -> Result<Option<Played>, String> {
        let Some((name, recording, bound)) = self.find(sealed, open, others)? else { return Ok(None) };
        let mut seen = self.seen();
        let times = &mut seen.entry(name).or_default().times;
        let answer = recording.answers.get(*times % recording.answers.len().max(1)).cloned();
        *times += 1;
        Ok(answer.map(|answer| Played { answer, names: recording.secrets, bound }))
    }

    /// The provider's own recording, or that of a renamed one.
    fn find(
        &self,
        sealed: &RecordedRequest,
        open: &RecordedRequest,
        others: &[String],
    ) -> Result<Option<Found>, String> {
        if let Some(own) = self.find_of(sealed, open)? {
            return Ok(Some(own));
        }
        let mut found = Vec::new();
        let mut providers = self.providers();
        providers.retain(|provider| !others.contains(provider) && *provider != sealed.provider);
        for provider in &providers {
            found.extend(self.find_of(&sealed.of(provider), &open.of(provider))?);
        }
        if found.len() > 1 {
            let names = suggestions::quoted(providers.iter().map(String::as_str), ", ");
            return Err(format!(
                "this request is recorded of several providers ({names}) in {}; give yours the name of one of them",
                shown(&self.dir).display()
            ));
        }
        Ok(found.pop())
    }

    /// By its file name, or by its content where other texts are secrets than when it was recorded.
    fn find_of(&self, sealed: &RecordedRequest, open: &RecordedRequest) -> Result<Option<Found>, String> {
        for name in [sealed.file_name(), open.file_name()] {
            match read(&self.dir.join(&name)) {
                Ok(recording) if recording.version == VERSION => return Ok(Some((name, recording, Values::new()))),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(format!("{} cannot be read: {error}", self.dir.join(name).display())),
            }
        }
        let with_secrets = recordings(&self.dir).filter(|(_, recording)| !recording.secrets.is_empty());
        let bound = with_secrets.filter_map(|(name, recording)| {
            let bound = redactor::bound(&recording.request, &recording.secrets, open)?;
            Some((name, recording, bound))
        });
        Ok({ bound }.next())
    }

    /// The recorded providers.
    fn providers(&self) -> Vec<String> {
        let all = recordings(&self.dir).map(|(_, recording)| recording.request.provider);
        all.collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// Appends a reply to those that this process has recorded. Errors: it cannot be written.
    pub(super) fn add(&self, asked: &RecordedRequest, answer: Answer, secrets: Vec<String>) -> Result<(), String> {
        let name = asked.file_name();
        let mut all = self.seen();
        let seen = all.entry(name.clone()).or_default();
        seen.answers.push(answer);
        seen.secrets.extend(secrets);
        seen.secrets.sort();
        seen.secrets.dedup();
        let answers = &seen.answers;
        // Identical replies are stored once.
        let is_same = answers.iter().all(|answer| *answer == answers[0]);
        let told = if is_same { answers[..1].to_vec() } else { answers.clone() };
        let secrets = seen.secrets.clone();
        let recording = Recording { version: VERSION, request: asked.clone(), secrets, answers: told };
        write(&self.dir, &name, &recording)
            .map_err(|error| format!("{} cannot be written: {error}", self.dir.join(name).display()))
    }

    /// The error text for a request that was never recorded.
    pub(super) fn miss(&self, asked: &RecordedRequest, others: &[String]) -> String {
        let dir = shown(&self.dir);
        let told = format!(
            "this request is not recorded in {}; no provider was called. `mcpchat chat --record {}` records it",
            dir.display(),
            dir.display()
        );
        let old = files(&self.dir).filter(|(_, recording)| recording.version < VERSION).count();
        let note = if old == 0 { String::new() } else { format!("\n{old} {OLD}") };
        let own = recordings(&self.dir).map(|(name, mut recording)| {
            if !others.contains(&recording.request.provider) {
                recording.request.provider.clone_from(&asked.provider);
            }
            (name, recording)
        });
        match difference::nearest(asked, own) {
            Some((name, difference)) => format!("{told}{note}\nnearest: {name}\n{difference}"),
            None if old > 0 => format!("{told}{note}"),
            None => format!("{told}\nthere are no recordings at all"),
        }
    }

    fn seen(&self) -> MutexGuard<'_, HashMap<String, Seen>> {
        self.seen.lock()
    }
}

/// The remedy for recordings of an older version.
const OLD: &str = "of its files are recordings of an older mcpchat, which do not tell whose answer they hold; \
                   delete them, and record again";

/// All of this version, by the names of their files.
fn recordings(dir: &Path) -> impl Iterator<Item = (String, Recording)> {
    files(dir).filter(|(_, recording)| recording.version == VERSION)
}

fn files(dir: &Path) -> impl Iterator<Item = (String, Recording)> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.sort();
    let dir = dir.to_owned();
    names.into_iter().filter_map(move |name| Some((name.clone(), read(&dir.join(name)).ok()?)))
}

fn read(path: &Path) -> io::Result<Recording> {
    Ok(serde_json::from_slice(bytes_without_bom(&fs::read(path)?))?)
}

/// Atomic, so that no process reads half a file.
fn write(dir: &Path, name: &str, recording: &Recording) -> io::Result<()> {
    let new = dir.join(format!(".{name}.{}", std::process::id()));
    fs::write(&new, serde_json::to_string_pretty(recording)? + "\n")?;
    fs::rename(new, dir.join(name))
}

pub(super) fn lines(text: &str) -> Vec<String> {
    text.split('\n').map(str::to_owned).collect()
}
