//! The report of a series, as one document, from which tables, JUnit and Markdown are made.

use std::time::Duration;

use serde::Serialize;

use super::record::{Record, VERSION, maybe_millis};
use crate::{
    cli::Exit,
    eval::percentile,
    model::{NanoUsd, Problem},
};

#[derive(Serialize)]
pub(super) struct Report {
    version: u32,
    pub(super) suite: Option<String>,
    pub(super) passed: bool,
    pub(super) summary: Summary,
    pub(super) cases: Vec<CaseReport>,
}

#[derive(Clone, Serialize)]
pub(super) struct Summary {
    pub(super) cases: usize,
    pub(super) passed: usize,
    /// Expectations are not met.
    pub(super) failed: usize,
    /// Without a reply that could be judged.
    pub(super) errors: usize,
    pub(super) answers: usize,
    /// Share of the replies that passed, from 0 to 1.
    pub(super) pass_rate: f64,
    pub(super) latency_ms: LatencyPercentiles,
    pub(super) cost_usd: NanoUsd,
}

/// Latency percentiles in whole milliseconds; null where there was no reply.
#[derive(Clone, Copy, Serialize)]
pub(super) struct LatencyPercentiles {
    #[serde(serialize_with = "maybe_millis")]
    pub(super) p50: Option<Duration>,
    #[serde(serialize_with = "maybe_millis")]
    pub(super) p95: Option<Duration>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Verdict {
    Passed,
    Failed,
    Error,
}

#[derive(Serialize)]
pub(super) struct CaseReport {
    pub(super) name: String,
    /// `null`: the default one, and no reply has named it.
    pub(super) model: Option<String>,
    pub(super) tags: Vec<String>,
    pub(super) verdict: Verdict,
    pub(super) repeat: usize,
    pub(super) min_pass: usize,
    /// How many of the replies passed.
    pub(super) passed: usize,
    pub(super) latency_ms: LatencyPercentiles,
    pub(super) cost_usd: NanoUsd,
    pub(super) answers: Vec<AttemptResult>,
}

/// The result of one attempt.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum AttemptResult {
    Replied(Box<Record>),
    Failed(AttemptFailure),
}

#[derive(Serialize)]
pub(super) struct AttemptFailure {
    version: u32,
    passed: bool,
    pub(super) error: Box<Problem>,
    #[serde(skip)]
    pub(super) exit: Exit,
}

impl AttemptResult {
    pub(super) fn failed(error: Problem, exit: Exit) -> Self {
        Self::Failed(AttemptFailure { version: VERSION, passed: false, error: Box::new(error), exit })
    }

    fn answer(&self) -> Option<&Record> {
        match self {
            Self::Replied(record) => Some(record),
            Self::Failed(_) => None,
        }
    }

    /// Lists what is wrong with it, a line each.
    pub(super) fn complaints(&self) -> Vec<String> {
        match self {
            Self::Replied(record) => record.unmet.iter().map(ToString::to_string).collect(),
            Self::Failed(failed) => vec![format!("{}: {}", failed.error.code, failed.error.detail)],
        }
    }
}

impl CaseReport {
    pub(super) fn new(
        name: String,
        model: Option<String>,
        tags: Vec<String>,
        (repeat, min_pass): (usize, usize),
        answers: Vec<AttemptResult>,
    ) -> Self {
        let passed = answers.iter().filter_map(AttemptResult::answer).filter(|record| record.passed).count();
        let verdict = match answers.iter().any(|tried| tried.answer().is_some_and(|record| !record.passed)) {
            _ if passed >= min_pass => Verdict::Passed,
            true => Verdict::Failed,
            false => Verdict::Error,
        };
        let model = answers.iter().find_map(|tried| Some(tried.answer()?.model.clone())).or(model);
        let (latency_ms, cost_usd) = (spread(&answers), cost(&answers));
        Self { name, model, tags, verdict, repeat, min_pass, passed, latency_ms, cost_usd, answers }
    }

    /// The case's name, and the model's.
    pub(super) fn title(&self) -> String {
        self.model.as_ref().map_or_else(|| self.name.clone(), |model| format!("{} ({model})", self.name))
    }

    /// How many of the replies passed, where it is not clear from the verdict.
    pub(super) fn count(&self) -> Option<String> {
        let Self { passed, repeat, min_pass, .. } = self;
        (*repeat > 1).then(|| format!("{passed} of {repeat} answers passed, {min_pass} needed"))
    }

    /// Lists what is wrong with its replies, without duplicates.
    pub(super) fn complaints(&self) -> Vec<String> {
        let mut complaints: Vec<String> = Vec::new();
        for complaint in self.answers.iter().flat_map(AttemptResult::complaints) {
            if !complaints.contains(&complaint) {
                complaints.push(complaint);
            }
        }
        complaints
    }

    /// The exit code that the case causes.
    fn exit(&self) -> Exit {
        let failures = self.answers.iter().filter_map(|tried| match tried {
            AttemptResult::Failed(failed) => Some(failed.exit),
            AttemptResult::Replied(_) => None,
        });
        match self.verdict {
            Verdict::Passed => Exit::Done,
            Verdict::Failed => Exit::CheckFailed,
            Verdict::Error => failures.into_iter().next().unwrap_or(Exit::CheckFailed),
        }
    }
}

impl Report {
    pub(super) fn new(suite: Option<String>, cases: Vec<CaseReport>) -> Self {
        let count = |verdict| cases.iter().filter(|case| case.verdict == verdict).count();
        let answers: usize = cases.iter().map(|case| case.answers.len()).sum();
        let good: usize = cases.iter().map(|case| case.passed).sum();
        let all = || cases.iter().flat_map(|case| &case.answers);
        let summary = Summary {
            cases: cases.len(),
            passed: count(Verdict::Passed),
            failed: count(Verdict::Failed),
            errors: count(Verdict::Error),
            answers,
            pass_rate: if answers == 0 { 0.0 } else { good as f64 / answers as f64 },
            latency_ms: spread(all()),
            cost_usd: cost(all()),
        };
        Self { version: VERSION, suite, passed: summary.passed == summary.cases, summary, cases }
    }

    /// The command's exit code. An unmet expectation goes before a missing reply: it is what the job is there to find.
    pub(super) fn exit(&self) -> Exit {
        let exits: Vec<Exit> = self.cases.iter().map(CaseReport::exit).filter(|exit| *exit != Exit::Done).collect();
        let first =
            [Exit::Interrupted, Exit::Deadline, Exit::CheckFailed].into_iter().find(|exit| exits.contains(exit));
        first.or(exits.first().copied()).unwrap_or(Exit::Done)
    }

    /// The cases that did not pass.
    pub(super) fn bad(&self) -> impl Iterator<Item = &CaseReport> {
        self.cases.iter().filter(|case| case.verdict != Verdict::Passed)
    }
}

fn spread<'a>(answers: impl IntoIterator<Item = &'a AttemptResult>) -> LatencyPercentiles {
    let times: Vec<Duration> =
        answers.into_iter().filter_map(AttemptResult::answer).map(|record| record.latency).collect();
    LatencyPercentiles { p50: percentile(&times, 50), p95: percentile(&times, 95) }
}

fn cost<'a>(answers: impl IntoIterator<Item = &'a AttemptResult>) -> NanoUsd {
    NanoUsd(answers.into_iter().filter_map(AttemptResult::answer).map(|record| record.cost_usd.0).sum())
}
