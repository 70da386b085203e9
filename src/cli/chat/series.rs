//! A series of replies: one prompt repeated, or the cases of a suite; several at a time.

use std::{future::pending, path::PathBuf, time::Duration};

use clap::Args;
use futures_util::{StreamExt, stream};
use serde::Serialize;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::{
    Exit, Failure, Output, Target,
    attempt::Attempt,
    progress::{Progress, bar},
    record::VERSION,
    report::{AttemptResult, CaseReport, Report, Summary},
    reports::Reports,
    retry_queue::RetryQueue,
    summary,
};
use crate::{cli::output::Format, config::Redaction, eval::Case};

const MOST_AT_ONCE: u16 = 64;
/// How many characters of a prompt are its name in a report.
const NAME_CHARS: usize = 40;

#[derive(Debug, Args)]
#[command(next_help_heading = "Many answers")]
pub(super) struct Series {
    /// Ask N times; --min-pass says how many answers have to pass
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(super) repeat: Option<u16>,
    /// Minimum number of answers that pass [default: all]
    #[arg(long, value_name = "K", requires = "repeat")]
    pub(super) min_pass: Option<u16>,
    /// Maximum number of questions asked at the same time; what a limit of the service refuses is asked again when it
    /// allows it, within --timeout
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=i64::from(MOST_AT_ONCE)))]
    concurrency: u16,
    /// Run the cases of this file
    #[arg(long, value_name = "FILE", conflicts_with_all = ["prompt", "prompt_file", "conversation"])]
    pub(super) suite: Option<PathBuf>,
    /// Only cases with this tag
    #[arg(long, value_name = "TAG", value_delimiter = ',')]
    pub(super) only: Vec<String>,
    /// Skip cases with this tag
    #[arg(long, value_name = "TAG", value_delimiter = ',')]
    pub(super) skip: Vec<String>,
    /// Write a JUnit report to this file, for CI systems; `-` prints it instead of the table
    #[arg(long, value_name = "FILE")]
    pub(super) junit: Option<PathBuf>,
    /// Print the JSON Schema of a suite's file
    #[arg(long, exclusive = true)]
    pub(super) suite_schema: bool,
}

/// The items to run.
pub(super) struct Plan {
    pub(super) suite: Option<String>,
    pub(super) items: Vec<Item>,
}

/// A message to one model, and how often it is sent.
pub(super) struct Item {
    /// `None`: the beginning of its prompt.
    pub(super) name: Option<String>,
    pub(super) model: Option<String>,
    pub(super) tags: Vec<String>,
    pub(super) trial: Attempt,
    pub(super) repeat: usize,
    pub(super) min_pass: usize,
}

/// A line of `-o ndjson`.
#[derive(Serialize)]
struct Line<'a, T> {
    version: u32,
    event: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    case: Option<&'a str>,
    data: &'a T,
}

/// When outstanding replies are given up.
pub(super) struct StopConditions<'a> {
    /// The deadline, and the duration that set it.
    due: Option<(Instant, Duration)>,
    stop: &'a CancellationToken,
}

impl<'a> StopConditions<'a> {
    pub(super) fn new(deadline: Option<Duration>, stop: &'a CancellationToken) -> Self {
        Self { due: deadline.map(|after| (Instant::now() + after, after)), stop }
    }

    fn due(&self) -> Option<Instant> {
        self.due.map(|(at, _)| at)
    }

    async fn come(&self) -> Failure {
        let due = async {
            match self.due {
                Some((at, after)) => {
                    sleep_until(at).await;
                    after
                }
                None => pending().await,
            }
        };
        tokio::select! {
            () = self.stop.cancelled() => Failure::Interrupted,
            after = due => Failure::Deadline(after),
        }
    }
}

impl From<Case> for Item {
    fn from(case: Case) -> Self {
        let Case { name, model, tags, ask, expectations, repair, repeat, min_pass } = case;
        Self { name: Some(name), model, tags, trial: Attempt { ask, expectations, repair }, repeat, min_pass }
    }
}

impl Item {
    /// The name in a report.
    fn name(&self, secrets: &Redaction) -> String {
        match &self.name {
            Some(name) => secrets.hide(name),
            None => secrets
                .hide(&self.trial.ask.content)
                .lines()
                .next()
                .unwrap_or_default()
                .chars()
                .take(NAME_CHARS)
                .collect(),
        }
    }
}

impl Series {
    pub(super) fn is_asked_for(&self) -> bool {
        self.suite.is_some() || self.repeat.is_some()
    }

    /// Checks the flags. Errors: a flag without the one it needs. clap does not demand `--suite` beside a prompt.
    pub(super) fn check(&self) -> Result<(), Failure> {
        let without_suite = [("--only", &self.only), ("--skip", &self.skip)];
        match without_suite.iter().find(|(_, tags)| !tags.is_empty()) {
            Some((flag, _)) if self.suite.is_none() => Err(Failure::Usage(format!("{flag} goes with --suite"))),
            _ if self.junit.is_some() && !self.is_asked_for() => {
                Err(Failure::Usage("--junit goes with --suite or --repeat".into()))
            }
            _ => Ok(()),
        }
    }

    pub(super) async fn run(
        &self,
        plan: Plan,
        reports: Option<Reports>,
        place: &Target,
        out: &Output,
        quiet: bool,
        ends: &StopConditions<'_>,
    ) -> Result<Exit, Failure> {
        let all: usize = plan.items.iter().map(|item| item.repeat).sum();
        let progress = Progress::start(&bar(0, all), quiet);
        let tries =
            plan.items.iter().enumerate().flat_map(|(index, item)| (0..item.repeat).map(move |_| (index, item)));
        let admission = &RetryQueue::until(ends.due());
        let tries = tries.map(|(index, item)| async move { (index, answer(item, place, admission, ends).await) });
        let mut coming = stream::iter(tries).buffer_unordered(usize::from(self.concurrency));
        let mut answers: Vec<Vec<AttemptResult>> = plan.items.iter().map(|_| Vec::new()).collect();
        let (mut done, mut bad) = (0, 0);
        while let Some((index, tried)) = coming.next().await {
            done += 1;
            bad += usize::from(!tried.complaints().is_empty());
            progress.say(if bad > 0 { format!("{} · {bad} failed", bar(done, all)) } else { bar(done, all) });
            if out.format == Format::Ndjson {
                line(out, &place.secrets, "answer", Some(&plan.items[index].name(&place.secrets)), &tried)?;
            }
            answers[index].push(tried);
        }
        drop(coming);
        progress.end();
        let cases = plan.items.into_iter().zip(answers).map(|(item, answers)| {
            CaseReport::new(item.name(&place.secrets), item.model, item.tags, (item.repeat, item.min_pass), answers)
        });
        tell(&Report::new(plan.suite, cases.collect()), reports, &place.secrets, out)
    }
}

/// Writes the report, files first: a closed pipe does not keep them from being written.
fn tell(report: &Report, mut reports: Option<Reports>, secrets: &Redaction, out: &Output) -> Result<Exit, Failure> {
    let written = reports.as_mut().map_or(Ok(()), |reports| reports.write(report, secrets, out));
    match out.format {
        Format::Json => json(out, secrets, report)?,
        Format::Ndjson => line::<Summary>(out, secrets, "summary", None, &report.summary)?,
        Format::Table | Format::Plain if reports.as_ref().is_some_and(Reports::take_stdout) => {}
        Format::Table | Format::Plain => summary::print(report, out)?,
    }
    match report.exit() {
        Exit::Done => Ok(written.map(|()| Exit::Done)?),
        exit => {
            if let Err(error) = written {
                out.complain(&error.to_string());
            }
            let titles: Vec<String> = report.bad().map(CaseReport::title).collect();
            Err(Failure::Cases { exit, of: report.summary.cases, titles })
        }
    }
}

fn line<T: Serialize>(
    out: &Output,
    secrets: &Redaction,
    event: &str,
    case: Option<&str>,
    data: &T,
) -> std::io::Result<()> {
    json(out, secrets, &Line { version: VERSION, event, case, data })
}

fn json<T: Serialize>(out: &Output, secrets: &Redaction, document: &T) -> std::io::Result<()> {
    out.print(&secrets.hide(&serde_json::to_string(document)?))
}

/// Runs one attempt, and returns its result.
async fn answer(item: &Item, place: &Target, admission: &RetryQueue, ends: &StopConditions<'_>) -> AttemptResult {
    let trying = async { item.trial.attempt(place, Some(admission), &mut |_| Ok(())).await };
    let outcome = tokio::select! {
        biased;
        failure = ends.come() => Err(failure),
        outcome = Box::pin(trying) => outcome,
    };
    match outcome {
        Ok(record) => AttemptResult::Replied(Box::new(record)),
        Err(failure) => {
            let failure = failure.without(&place.secrets);
            AttemptResult::failed(failure.problem(), failure.exit())
        }
    }
}
