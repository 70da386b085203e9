//! Many answers: one question again and again, or the cases of a suite; several at a time.

use std::{fs, future::pending, io::Write, path::PathBuf, time::Duration};

use clap::Args;
use futures_util::{StreamExt, stream};
use serde::Serialize;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use super::{
    Exit, Failure, Output, Place, junit,
    progress::{Progress, bar},
    record::{Record, VERSION},
    report::{CaseReport, Report, Summary, Tried},
    told,
    trial::Trial,
};
use crate::{app::Case, cli::output::Format};

/// A limit of our own that is over sooner is waited for.
const MOST_PATIENT: Duration = Duration::from_secs(60);
/// How often.
const MOST_WAITS: u32 = 20;
const MOST_AT_ONCE: u16 = 64;

#[derive(Debug, Args)]
#[command(next_help_heading = "Many answers")]
pub(super) struct Series {
    /// Ask so many times; --min-pass says how many answers have to be good
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(super) repeat: Option<u16>,
    /// How many of the answers have to be good [default: all]
    #[arg(long, value_name = "K", requires = "repeat")]
    pub(super) min_pass: Option<u16>,
    /// Ask so many at a time
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=i64::from(MOST_AT_ONCE)))]
    concurrency: u16,
    /// Try the cases of this file
    #[arg(long, value_name = "FILE", conflicts_with_all = ["prompt", "prompt_file", "conversation"])]
    pub(super) suite: Option<PathBuf>,
    /// Only cases with this tag
    #[arg(long, value_name = "TAG", requires = "suite", value_delimiter = ',')]
    pub(super) only: Vec<String>,
    /// No cases with this tag
    #[arg(long, value_name = "TAG", requires = "suite", value_delimiter = ',')]
    pub(super) skip: Vec<String>,
    /// Write a report for CI systems
    #[arg(long, value_name = "FILE", requires = "suite")]
    junit: Option<PathBuf>,
    /// Print the JSON Schema of a suite's file
    #[arg(long, exclusive = true)]
    pub(super) suite_schema: bool,
}

/// What is to be tried.
pub(super) struct Plan {
    pub(super) suite: Option<String>,
    pub(super) items: Vec<Item>,
}

/// A question to one model, so many times.
pub(super) struct Item {
    pub(super) name: String,
    pub(super) model: Option<String>,
    pub(super) tags: Vec<String>,
    pub(super) trial: Trial,
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

/// When the answers that have not come are given up.
pub(super) struct Ends<'a> {
    /// When, and after how long.
    due: Option<(Instant, Duration)>,
    stop: &'a CancellationToken,
}

impl<'a> Ends<'a> {
    pub(super) fn new(deadline: Option<Duration>, stop: &'a CancellationToken) -> Self {
        Self { due: deadline.map(|after| (Instant::now() + after, after)), stop }
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
        Self { name, model, tags, trial: Trial { ask, expectations, repair }, repeat, min_pass }
    }
}

impl Series {
    pub(super) fn is_asked_for(&self) -> bool {
        self.suite.is_some() || self.repeat.is_some()
    }

    pub(super) async fn run(
        &self,
        plan: Plan,
        place: &Place,
        out: &Output,
        quiet: bool,
        ends: &Ends<'_>,
    ) -> Result<Exit, Failure> {
        let all: usize = plan.items.iter().map(|item| item.repeat).sum();
        let progress = Progress::start(&bar(0, all), quiet);
        let tries =
            plan.items.iter().enumerate().flat_map(|(index, item)| (0..item.repeat).map(move |_| (index, item)));
        let tries = tries.map(|(index, item)| async move { (index, answer(item, place, ends).await) });
        let mut coming = stream::iter(tries).buffer_unordered(usize::from(self.concurrency));
        let mut answers: Vec<Vec<Tried>> = plan.items.iter().map(|_| Vec::new()).collect();
        let (mut done, mut bad) = (0, 0);
        while let Some((index, tried)) = coming.next().await {
            done += 1;
            bad += usize::from(!tried.complaints().is_empty());
            progress.say(if bad > 0 { format!("{} · {bad} not good", bar(done, all)) } else { bar(done, all) });
            if out.format == Format::Ndjson {
                line(out, "answer", Some(&plan.items[index].name), &tried)?;
            }
            answers[index].push(tried);
        }
        drop(coming);
        progress.end();
        let cases = plan.items.into_iter().zip(answers).map(|(item, answers)| {
            CaseReport::new(item.name, item.model, item.tags, (item.repeat, item.min_pass), answers)
        });
        self.tell(&Report::new(plan.suite, cases.collect()), out)
    }

    fn tell(&self, report: &Report, out: &Output) -> Result<Exit, Failure> {
        if let Some(file) = &self.junit {
            let written = fs::write(file, junit::xml(report));
            written.map_err(|error| Failure::Usage(format!("{} cannot be written: {error}", file.display())))?;
        }
        if self.suite.is_some() {
            summarise_for_github(report)?;
        }
        match out.format {
            Format::Json => out.json(report)?,
            Format::Ndjson => line::<Summary>(out, "summary", None, &report.summary)?,
            Format::Table | Format::Plain => told::print(report, out)?,
        }
        match report.exit() {
            Exit::Done => Ok(Exit::Done),
            exit => {
                let titles: Vec<String> = report.bad().map(CaseReport::title).collect();
                Err(Failure::Cases { exit, of: report.summary.cases, titles })
            }
        }
    }
}

fn line<T: Serialize>(out: &Output, event: &str, case: Option<&str>, data: &T) -> std::io::Result<()> {
    out.json(&Line { version: VERSION, event, case, data })
}

/// One try, as it is reported.
async fn answer(item: &Item, place: &Place, ends: &Ends<'_>) -> Tried {
    let outcome = tokio::select! {
        biased;
        failure = ends.come() => Err(failure),
        outcome = Box::pin(in_turn(item, place)) => outcome,
    };
    match outcome {
        Ok(record) => Tried::Answered(Box::new(record.without(&place.secrets))),
        Err(failure) => Tried::failed(failure.problem(), failure.exit()),
    }
}

/// Waits for limits of our own: a suite has more questions than a person asks in a minute.
async fn in_turn(item: &Item, place: &Place) -> Result<Record, Failure> {
    let mut waits = 0;
    loop {
        match item.trial.attempt(place, &mut |_| Ok(())).await {
            Err(failure) => match failure.own_limit().filter(|after| *after <= MOST_PATIENT && waits < MOST_WAITS) {
                Some(after) => {
                    waits += 1;
                    sleep(after).await;
                }
                None => return Err(failure),
            },
            answered => return answered,
        }
    }
}

/// GitHub shows what is appended to this file on the page of the job.
fn summarise_for_github(report: &Report) -> Result<(), Failure> {
    let Some(file) = std::env::var_os("GITHUB_STEP_SUMMARY").filter(|file| !file.is_empty()) else { return Ok(()) };
    let opened = fs::OpenOptions::new().create(true).append(true).open(&file);
    let written = opened.and_then(|mut opened| opened.write_all(told::markdown(report).as_bytes()));
    written.map_err(|error| Failure::Usage(format!("$GITHUB_STEP_SUMMARY ({}): {error}", file.display())))
}
