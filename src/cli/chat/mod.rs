//! `mcpchat chat`: one prompt and its reply, for a terminal, a script or a CI job; or many, checked against
//! expectations. The turns run in this process on the configured database, or on a server; the output is the same.

mod attempt;
mod events;
mod expectation_args;
mod junit;
mod markdown;
mod progress;
mod prompt_args;
mod record;
mod remote;
mod remote_turn;
mod report;
mod reports;
mod retry_queue;
mod series;
mod single;
mod summary;
mod target;
mod turn;

use std::{path::Path, sync::OnceLock, time::Duration};

use clap::Args;
use tokio::{
    signal::unix::{SignalKind, signal},
    time::sleep,
};
use tokio_util::sync::CancellationToken;

pub(super) use self::remote::Server;
use self::{
    attempt::Attempt,
    expectation_args::ExpectationArgs,
    prompt_args::PromptArgs,
    reports::Reports,
    series::{Item, Plan, Series, StopConditions},
    single::Show,
    target::{Target, TargetArgs},
};
use super::{Exit, Failure, Global, Output, operator};
use crate::{
    app::{Error, TurnRequest},
    config::Redaction,
    eval::{SUITE_SCHEMA, Suite, SuiteOptions},
    model::{ConversationId, ResponseFormat},
};

/// Ask one question
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mcpchat chat \"What is a fencing token?\"
  git diff | mcpchat chat \"Write a changelog line\"
  mcpchat chat --prompt-file review.md --var lang=Rust < main.rs
  mcpchat chat -c 01a2 \"And in Redis?\"         continue a conversation
  mcpchat chat --expect contains:42 --max-cost 0.01 \"What is 6 times 7?\" || echo \"exit $?\"
  mcpchat chat --schema person.json --repair --json \"Invent a person\"
  mcpchat chat --repeat 10 --min-pass 9 --expect jq:.ok \"…\"
  mcpchat chat --suite suite.yaml --record cassettes      ask, and record the answers
  mcpchat chat --suite suite.yaml --replay cassettes --junit junit.xml
  mcpchat chat --server https://chat.example.org --json \"Hello\"

The answer, and nothing else, goes to stdout. With --json it is one record, with -o ndjson the
events as they come and then the record; both have a `version`. Several answers give one report.
An answer that was refused, or truncated by the token limit, counts as failed: exit 8. With several
cases, exit 8 if an expectation failed, else the exit code of the first error.

With --server the token is read from MCPCHAT_TOKEN. Without it the turn runs in this process,
as the user named by --as; on SQLite a local user is created for you.")]
pub struct Chat {
    #[command(flatten)]
    question: PromptArgs,
    #[command(flatten)]
    whereabouts: TargetArgs,
    /// Print the answer only when it is complete
    #[arg(long)]
    no_stream: bool,
    /// Give up after this time (exit 124), like `90s` or `5m`
    #[arg(long, value_name = "DUR", value_parser = humantime::parse_duration)]
    timeout: Option<Duration>,
    /// Show no progress and no hints
    #[arg(short, long)]
    quiet: bool,
    #[command(flatten)]
    expected: ExpectationArgs,
    #[command(flatten)]
    series: Series,
}

impl Chat {
    pub(super) async fn run(self, global: &Global) -> Result<Exit, Failure> {
        let out = global.out();
        if self.series.suite_schema {
            out.piece(SUITE_SCHEMA)?;
            return Ok(Exit::Done);
        }
        // A series ends at the deadline by itself, with a report of the replies so far.
        let deadline = self.timeout.filter(|_| !self.series.is_asked_for());
        // Declared outside the work, so that both are cleaned up where the work is cancelled too.
        let (place, stop) = (OnceLock::new(), CancellationToken::new());
        let outcome = tokio::select! {
            outcome = Box::pin(self.work(global, &out, &place, &stop)) => outcome,
            () = self.is_interrupted(&stop) => Err(Failure::Interrupted),
            () = until(deadline) => Err(Failure::Deadline(deadline.unwrap_or_default())),
        };
        if let Some(place) = place.get() {
            if outcome.is_err() {
                place.give_up().await;
            }
            place.close().await;
        }
        let secrets = place.get().map_or_else(Redaction::of_process, |place| place.secrets.clone());
        outcome.map_err(|failure| failure.without(&secrets))
    }

    /// Waits for a signal that ends the command at once. The first one stops a series, which reports the replies so
    /// far.
    async fn is_interrupted(&self, stop: &CancellationToken) {
        stopped().await;
        if self.series.is_asked_for() {
            stop.cancel();
            stopped().await;
        }
    }

    async fn work(
        &self,
        global: &Global,
        out: &Output,
        place: &OnceLock<Target>,
        stop: &CancellationToken,
    ) -> Result<Exit, Failure> {
        self.series.check()?;
        let asked = self.read(out).await?;
        let reports = match self.series.is_asked_for() {
            true => Some(Reports::open(self.series.junit.as_deref(), out)?),
            false => None,
        };
        let opened = Target::open(&self.whereabouts, global).await?;
        let place = place.get_or_init(|| opened);
        let asked = match &self.question.conversation {
            Some(prefix) => asked.in_conversation(place.find_conversation(prefix).await?),
            None => asked,
        };
        match asked {
            Asked::Once(trial) => Show { out, streams: !self.no_stream, quiet: self.quiet }.ask(place, &trial).await,
            Asked::Series(plan) => {
                self.series.run(plan, reports, place, out, self.quiet, &StopConditions::new(self.timeout, stop)).await
            }
        }
    }

    /// Reads the prompt, or the series. Errors: what is wrong with it, before anything is opened.
    async fn read(&self, out: &Output) -> Result<Asked, Failure> {
        if let Some(file) = &self.series.suite {
            return self.read_suite(file).map(Asked::Series);
        }
        let expectations = self.expected.read()?;
        let format = expectations.schema.as_ref().map(|schema| ResponseFormat::json_schema(schema.schema().clone()));
        let ask = TurnRequest::try_from(self.question.read(format, (!self.quiet).then_some(out)).await?)
            .map_err(Error::Invalid)?;
        let trial = Attempt { ask, expectations, repair: self.expected.repair };
        let Some(repeat) = self.series.repeat.map(usize::from) else { return Ok(Asked::Once(Box::new(trial))) };
        let min_pass = self.series.min_pass.map_or(repeat, usize::from);
        if min_pass > repeat {
            return Err(Failure::Usage(format!("--min-pass {min_pass} is more than --repeat {repeat}")));
        }
        let item = Item { name: None, model: self.question.model.clone(), tags: Vec::new(), trial, repeat, min_pass };
        Ok(Asked::Series(Plan { suite: None, items: vec![item] }))
    }

    fn read_suite(&self, file: &Path) -> Result<Plan, Failure> {
        if let Some(flag) = self.question.first_given().or(self.expected.first_given()) {
            return Err(Failure::Usage(format!("{flag} cannot go with --suite; the file says it, case by case")));
        }
        let choice = SuiteOptions {
            variables: self.question.variables(),
            model: self.question.model.clone(),
            only: self.series.only.clone(),
            skip: self.series.skip.clone(),
            repeat: self.series.repeat.map(usize::from),
            min_pass: self.series.min_pass.map(usize::from),
        };
        let suite = Suite::read(file, &choice).map_err(|mistakes| Failure::Usage(mistakes.to_string()))?;
        Ok(Plan { suite: Some(suite.name), items: suite.cases.into_iter().map(Item::from).collect() })
    }
}

/// One prompt, or a series.
enum Asked {
    Once(Box<Attempt>),
    Series(Plan),
}

impl Asked {
    /// Moves all messages into this conversation.
    fn in_conversation(self, id: ConversationId) -> Self {
        let moved = |trial: Attempt| Attempt { ask: trial.ask.in_conversation(id), ..trial };
        match self {
            Self::Once(trial) => Self::Once(Box::new(moved(*trial))),
            Self::Series(plan) => {
                let items = plan.items.into_iter().map(|item| Item { trial: moved(item.trial), ..item }).collect();
                Self::Series(Plan { items, ..plan })
            }
        }
    }
}

/// Waits for Ctrl-C, or for the SIGTERM of a CI system that cancels its job.
async fn stopped() {
    let (Ok(mut interrupt), Ok(mut terminate)) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}

async fn until(deadline: Option<Duration>) {
    match deadline {
        Some(after) => sleep(after).await,
        None => std::future::pending().await,
    }
}
