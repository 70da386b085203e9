//! Why a command failed, and how that is said.

use std::io;

use serde_json::{Map, Value, json};

use super::{Exit, Output};
use crate::{app, config, model::Problem, terminal};

#[derive(Debug, thiserror::Error)]
pub enum Failure {
    #[error("{0}")]
    App(#[from] app::Error),
    /// A problem document: of a turn that failed, or of a server.
    #[error("{}", .0.detail)]
    Problem(Box<Problem>),
    #[error("{0}")]
    Config(config::Error),
    #[error("{0}")]
    Usage(String),
    /// A server that cannot be reached, or is none of ours.
    #[error("{0}")]
    Unreachable(String),
    #[error("the answer did not come within {}; `--timeout` sets the time", humantime::format_duration(*.0))]
    Deadline(std::time::Duration),
    /// The answer is not as good as it was to be.
    #[error("{}", unmet(.0))]
    Unmet(Vec<app::Unmet>),
    #[error("interrupted")]
    Interrupted,
    #[error("{0}")]
    Io(#[from] io::Error),
}

impl Failure {
    pub fn exit(&self) -> Exit {
        match self {
            Self::App(error) => error.into(),
            Self::Problem(problem) => (&**problem).into(),
            Self::Config(_) => Exit::Configuration,
            Self::Usage(_) => Exit::Usage,
            Self::Unreachable(_) => Exit::Dependency,
            Self::Deadline(_) => Exit::Deadline,
            Self::Unmet(_) => Exit::Unexpected,
            Self::Interrupted => Exit::Interrupted,
            Self::Io(error) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Done,
            Self::Io(_) => Exit::Internal,
        }
    }

    /// On stderr: a sentence for people, a problem document for programs, nothing if the reader has gone.
    pub fn report(&self, out: &Output) {
        if self.exit() == Exit::Done {
            return;
        }
        if out.is_for_programs() {
            out.say(&serde_json::to_string(&self.problem()).expect("a problem is plain JSON"));
        } else {
            out.complain(&terminal::plain(&self.told()));
        }
    }

    fn told(&self) -> String {
        match self {
            Self::App(error) => error.cause().map_or_else(|| self.to_string(), |cause| format!("{self} ({cause})")),
            _ => self.to_string(),
        }
    }

    pub(super) fn problem(&self) -> Problem {
        let (code, title) = match self {
            Self::App(error) => return error.problem(""),
            Self::Problem(problem) => return (**problem).clone(),
            Self::Config(_) => ("configuration_invalid", "Configuration invalid"),
            Self::Usage(_) => ("usage", "Usage"),
            Self::Unreachable(_) => ("unreachable", "Unreachable"),
            Self::Deadline(_) => ("deadline_passed", "Deadline passed"),
            Self::Unmet(_) => ("expectation_failed", "An expectation failed"),
            Self::Interrupted => ("interrupted", "Interrupted"),
            Self::Io(_) => ("io", "Input or output failed"),
        };
        Problem {
            kind: format!("urn:mcpchat:problem:{code}"),
            title: title.into(),
            status: 0,
            detail: self.to_string(),
            code: code.into(),
            request_id: String::new(),
            errors: Vec::new(),
            extensions: self.extensions(),
        }
    }

    fn extensions(&self) -> Map<String, Value> {
        match self {
            Self::Unmet(unmet) => Map::from_iter([("unmet".to_owned(), json!(unmet))]),
            _ => Map::new(),
        }
    }
}

/// One to a line, where there are several.
fn unmet(unmet: &[app::Unmet]) -> String {
    match unmet {
        [one] => one.to_string(),
        many => many.iter().fold(format!("{} expectations failed", many.len()), |text, one| format!("{text}\n  {one}")),
    }
}
