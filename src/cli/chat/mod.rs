//! `mcpchat chat`: one question, one answer, from a terminal, a script or a CI job; or many, held to what a good answer
//! is. The turns run in this process on the configured database, or on a server; what is printed is the same.

mod expected;
mod place;
mod progress;
mod question;
mod record;
mod remote;
mod remote_turn;
mod single;
mod trial;
mod turn;

use std::{sync::OnceLock, time::Duration};

use clap::Args;
use tokio::{
    signal::unix::{SignalKind, signal},
    time::sleep,
};

use self::{
    expected::Expected,
    place::{Place, Whereabouts},
    question::Question,
    single::Show,
    trial::Trial,
};
use super::{Exit, Failure, Global, Output, operator};
use crate::{
    app::{Ask, Error},
    model::ResponseFormat,
};

/// Ask one question
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mcpchat chat \"What is a fencing token?\"
  git diff | mcpchat chat \"Write a changelog line\"
  mcpchat chat --prompt-file review.md --var lang=Rust < main.rs
  mcpchat chat -c 0190… \"And in Redis?\"        go on with a conversation
  mcpchat chat --expect contains:42 --max-cost 0.01 \"What is 6 times 7?\" || echo \"exit $?\"
  mcpchat chat --schema person.json --repair --json \"Invent a person\"
  mcpchat chat --server https://chat.example.org --json \"Hello\"

The answer, and nothing else, goes to stdout. With --json it is one record, with -o ndjson the events as they
come and then the record; both have a `version`. An answer that was refused, or cut by the token limit, is none: exit 8.

With --server the token is read from MCPCHAT_TOKEN. Without it the turn runs in this process,
as the user named by --as; on SQLite a local user is made for you.")]
pub struct Chat {
    #[command(flatten)]
    question: Question,
    #[command(flatten)]
    whereabouts: Whereabouts,
    /// Print the answer once it is whole
    #[arg(long)]
    no_stream: bool,
    /// Give up after this time (exit 124), like `90s` or `5m`
    #[arg(long, value_name = "DUR", value_parser = humantime::parse_duration)]
    timeout: Option<Duration>,
    /// Show no progress, and nothing beside the answer
    #[arg(short, long)]
    quiet: bool,
    #[command(flatten)]
    expected: Expected,
}

impl Chat {
    pub(super) async fn run(self, global: &Global) -> Result<Exit, Failure> {
        let out = global.out();
        let deadline = self.timeout;
        // Left outside the work, because it has to end well also where the work is given up.
        let place = OnceLock::new();
        let outcome = tokio::select! {
            outcome = Box::pin(self.work(global, &out, &place)) => outcome,
            () = stopped() => Err(Failure::Interrupted),
            () = until(deadline) => Err(Failure::Deadline(deadline.unwrap_or_default())),
        };
        if let Some(place) = place.get() {
            if outcome.is_err() {
                place.give_up().await;
            }
            place.close().await;
        }
        outcome
    }

    async fn work(&self, global: &Global, out: &Output, place: &OnceLock<Place>) -> Result<Exit, Failure> {
        let expectations = self.expected.read()?;
        let format = expectations.schema.as_ref().map(|schema| ResponseFormat::json_schema(schema.schema().clone()));
        let ask = Ask::try_from(self.question.read(format).await?).map_err(Error::Invalid)?;
        let trial = Trial { ask, expectations, repair: self.expected.repair };
        let opened = Place::open(&self.whereabouts, global).await?;
        let place = place.get_or_init(|| opened);
        Show { out, streams: !self.no_stream, quiet: self.quiet }.ask(place, &trial).await
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
