//! Provider exchanges in files: written while a real provider answers (`Recorder`), and read in its place (`Player`). A
//! request that was never recorded fails at once, and nobody is called.
//!
//! A file holds one request and its answers, and nothing that changes by itself: no times, no ids, no headers, no keys. So
//! recording twice gives the same files, and a change in one is a change of what was asked or answered.

mod asked;
mod difference;
mod tape;

use std::{
    fmt,
    path::{Path, PathBuf},
};

use self::{
    asked::Asked,
    tape::{Answer, Tape},
};
use super::{Error, Failure, FailureKind, OnText, Provider, Reply, Request};
use crate::config::{self, Redaction};

/// Answers from files.
pub struct Player {
    name: String,
    tape: Tape,
    secrets: Redaction,
}

impl Player {
    pub(super) fn new(config: &config::Provider, secrets: &Redaction) -> Self {
        let dir = config.dir.clone().unwrap_or_default();
        Self { name: config.name.clone(), tape: Tape::new(dir), secrets: secrets.clone() }
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
        let asked = Asked::new(model, request, &self.secrets);
        let answer = self.tape.next(&asked).map_err(|why| not_recorded(&why))?;
        match answer {
            Some(answer) => {
                for word in answer.text().split_inclusive(' ') {
                    on_text(word);
                    tokio::task::yield_now().await;
                }
                answer.end()
            }
            None => Err(not_recorded(&self.tape.miss(&asked))),
        }
    }
}

/// Writes down what a provider answers.
pub struct Recorder {
    provider: Provider,
    tape: Tape,
    secrets: Redaction,
}

impl Recorder {
    /// Errors: the folder cannot be made.
    pub(super) fn new(provider: Provider, dir: &Path, secrets: &Redaction) -> Result<Self, Error> {
        std::fs::create_dir_all(dir)
            .map_err(|error| Error::Cassettes { dir: dir.to_owned(), reason: error.to_string() })?;
        Ok(Self { provider, tape: Tape::new(dir.to_owned()), secrets: secrets.clone() })
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
        if let Some(answer) = Answer::of(&self.secrets.hide(&text), &reply, &self.secrets) {
            let asked = Asked::new(model, request, &self.secrets);
            self.tape.add(&asked, answer).map_err(|why| not_recorded(&why))?;
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

/// Where the recordings are, for a message.
fn shown(dir: &Path) -> PathBuf {
    if dir.as_os_str().is_empty() { PathBuf::from(".") } else { dir.to_owned() }
}
