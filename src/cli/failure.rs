//! Failures of commands, and their output on stderr.

use std::{io, time::Duration};

use serde_json::{Map, Value, json};

use super::{Exit, Output};
use crate::{
    app,
    config::{self, Redaction},
    eval,
    model::Problem,
    terminal,
};

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
    /// A server that cannot be reached, or is not mcpchat.
    #[error("{0}")]
    Unreachable(String),
    #[error("the answer did not come within {}; `--timeout` sets the time", humantime::format_duration(*.0))]
    Deadline(Duration),
    /// The reply does not meet its expectations.
    #[error("{}", unmet(.0))]
    Unmet(Vec<eval::Unmet>),
    /// The failed cases, and the number of all.
    #[error("{} of {of} cases failed: {}", titles.len(), first(titles))]
    Cases { exit: Exit, of: usize, titles: Vec<String> },
    /// Any of these, its secrets redacted.
    #[error("{told}")]
    Hidden { exit: Exit, told: String, problem: Box<Problem> },
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
            Self::Unmet(_) => Exit::CheckFailed,
            Self::Cases { exit, .. } | Self::Hidden { exit, .. } => *exit,
            Self::Interrupted => Exit::Interrupted,
            Self::Io(error) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Done,
            Self::Io(_) => Exit::Internal,
        }
    }

    /// Prints it on stderr: a sentence for people, a problem document for programs, nothing if the pipe is closed.
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

    /// The time after which the service's own limit lets the same request pass, if that is what refused it.
    pub(super) fn own_limit(&self) -> Option<Duration> {
        let problem = self.problem();
        match problem.code.as_str() {
            "rate_limited" => problem.extensions.get("retry_after_secs")?.as_u64().map(Duration::from_secs),
            // The process runs its maximum of turns; the header says 1 s.
            "overloaded" => Some(Duration::from_secs(1)),
            _ => None,
        }
    }

    /// Redacts secrets. A failure without any is unchanged.
    pub(super) fn without(self, secrets: &Redaction) -> Self {
        let told = self.told();
        let document = serde_json::to_string(&self.problem()).expect("a problem is plain JSON");
        let (shown, hidden) = (secrets.hide(&told), secrets.hide(&document));
        if shown == told && hidden == document {
            return self;
        }
        let problem = serde_json::from_str(&hidden).unwrap_or_else(|_| self.problem());
        Self::Hidden { exit: self.exit(), told: shown, problem: Box::new(problem) }
    }

    fn told(&self) -> String {
        let told = at_the_shell(&self.to_string());
        match self {
            // An operator at the shell is shown what users are not.
            Self::App(app::Error::DatabaseUnavailable(outage)) if outage.remedy.is_some() => {
                format!("the database cannot be used: {outage}")
            }
            Self::App(error) => error.cause().map_or_else(|| told.clone(), |cause| format!("{told} ({cause})")),
            Self::Problem(problem) => match problem.extensions.get("cause").and_then(Value::as_str) {
                Some(cause) => format!("{told} ({cause})"),
                None => told,
            },
            _ => told,
        }
    }

    pub(super) fn problem(&self) -> Problem {
        let problem = self.whole_problem();
        Problem { detail: at_the_shell(&problem.detail), ..problem }
    }

    fn whole_problem(&self) -> Problem {
        let (code, title) = match self {
            Self::App(error) => {
                let detail = if error.own_cause().is_some() { self.told() } else { error.to_string() };
                return Problem { detail, ..error.problem("") };
            }
            Self::Problem(problem) | Self::Hidden { problem, .. } => return (**problem).clone(),
            Self::Config(_) => ("configuration_invalid", "Configuration invalid"),
            Self::Usage(_) => ("usage", "Usage"),
            Self::Unreachable(_) => ("unreachable", "Unreachable"),
            Self::Deadline(_) => ("deadline_passed", "Deadline passed"),
            Self::Unmet(_) => ("expectation_failed", "An expectation failed"),
            Self::Cases { .. } => ("cases_failed", "Cases failed"),
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
            Self::Cases { titles, .. } => Map::from_iter([("cases".to_owned(), json!(titles))]),
            _ => Map::new(),
        }
    }
}

/// Joins the first few titles, and counts the rest.
fn first(titles: &[String]) -> String {
    const TOLD: usize = 10;
    let told = titles.iter().take(TOLD).map(String::as_str).collect::<Vec<_>>().join(", ");
    let more = titles.len().saturating_sub(TOLD);
    if more == 0 { told } else { format!("{told} and {more} more") }
}

/// Replaces a remedy for HTTP clients by the one for the shell.
fn at_the_shell(text: &str) -> String {
    text.replace(app::Error::MODELS_OVER_HTTP, "; `mcpchat model list` lists them")
}

/// Formats unmet expectations, one a line if there are several.
fn unmet(unmet: &[eval::Unmet]) -> String {
    match unmet {
        [one] => one.to_string(),
        many => many.iter().fold(format!("{} expectations failed", many.len()), |text, one| format!("{text}\n  {one}")),
    }
}
