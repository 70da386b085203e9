//! Cassettes: provider exchanges in files, written while a real provider replies (`Recorder`), and read in its place
//! (`Player`). A request that was never recorded fails at once, without a call.
//!
//! A file holds one request and its replies, and nothing that changes by itself: no times, no ids, no headers, no keys.
//! So recording twice gives the same files, and a change in one is a change of the request or the reply. Providers have
//! recordings of their own, also of the same model.

mod difference;
mod recorded_request;
mod recording_store;
mod redactor;

use std::{
    fmt,
    path::{Path, PathBuf},
};

use self::{
    recorded_request::RecordedRequest,
    recording_store::{Answer, Played, RecordingStore},
    redactor::Redactor,
};
use super::{Error, Failure, FailureKind, OnText, Provider, Reply, Request};
use crate::config::{self, Redaction};

/// Replies from files.
pub struct Player {
    name: String,
    /// Providers whose recordings are not played.
    others: Vec<String>,
    tape: RecordingStore,
    secrets: Redaction,
}

impl Player {
    pub(super) fn new(config: &config::Provider, secrets: &Redaction) -> Self {
        let dir = config.dir.clone().unwrap_or_default();
        Self {
            name: config.name.clone(),
            others: config.others.clone(),
            tape: RecordingStore::new(dir),
            secrets: secrets.clone(),
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) async fn stream(
        &self,
        model: &config::Model,
        request: &Request,
        on_text: &mut OnText<'_>,
    ) -> Result<Reply, Failure> {
        let sealed = RecordedRequest::new(&self.name, model, request, &mut Redactor::of(&self.secrets));
        let open = RecordedRequest::new(&self.name, model, request, &mut Redactor::none());
        let played = self.tape.next(&sealed, &open, &self.others).map_err(|why| not_recorded(&why))?;
        match played {
            Some(Played { answer, names, bound }) => {
                // Current secrets override the values bound from the request.
                let mut values = bound;
                values.extend(self.secrets.values());
                let answer = answer.with(&names, &values);
                for word in answer.text().split_inclusive(' ') {
                    on_text(word);
                    tokio::task::yield_now().await;
                }
                answer.end()
            }
            None => Err(not_recorded(&self.tape.miss(&sealed, &self.others))),
        }
    }
}

/// Records what a provider replies.
pub struct Recorder {
    provider: Provider,
    tape: RecordingStore,
    secrets: Redaction,
}

impl Recorder {
    /// Errors: the folder cannot be made.
    pub(super) fn new(provider: Provider, dir: &Path, secrets: &Redaction) -> Result<Self, Error> {
        std::fs::create_dir_all(dir)
            .map_err(|error| Error::Cassettes { dir: dir.to_owned(), reason: error.to_string() })?;
        Ok(Self { provider, tape: RecordingStore::new(dir.to_owned()), secrets: secrets.clone() })
    }

    pub(super) fn provider(&self) -> &Provider {
        &self.provider
    }

    pub(super) async fn stream(
        &self,
        model: &config::Model,
        request: &Request,
        on_text: &mut OnText<'_>,
    ) -> Result<Reply, Failure> {
        let mut text = String::new();
        let mut heard = |piece: &str| {
            text.push_str(piece);
            on_text(piece);
        };
        let reply = Box::pin(self.provider.stream(model, request, &mut heard)).await;
        let mut seal = Redactor::of(&self.secrets);
        if let Some(answer) = Answer::of(&text, &reply, &mut seal) {
            let asked = RecordedRequest::new(self.provider.name(), model, request, &mut seal);
            self.tape.add(&asked, answer, seal.names()).map_err(|why| not_recorded(&why))?;
        }
        reply
    }
}

impl fmt::Debug for Player {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Player").field("name", &self.name).finish_non_exhaustive()
    }
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorder").field("provider", &self.provider).finish_non_exhaustive()
    }
}

fn not_recorded(why: &str) -> Failure {
    Failure::new(FailureKind::NotRecorded, why)
}

/// The folder, for a message.
fn shown(dir: &Path) -> PathBuf {
    if dir.as_os_str().is_empty() { PathBuf::from(".") } else { dir.to_owned() }
}
