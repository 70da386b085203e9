//! One question, one answer: printed as it comes on a terminal, whole into a pipe, as a record or as events for programs.

use std::io::{self, IsTerminal};

use serde::Serialize;

use super::{
    Exit, Failure, Output, Place,
    progress::Progress,
    record::{Record, VERSION},
    trial::Trial,
};
use crate::{
    cli::output::Format,
    event::{Numbered, TurnEvent},
    terminal,
};

/// How the answer is shown.
pub(super) struct Show<'a> {
    pub(super) out: &'a Output,
    pub(super) streams: bool,
    pub(super) quiet: bool,
}

/// A line of `-o ndjson`: an event of the turn, and at the end the record.
#[derive(Serialize)]
struct Line<'a, T> {
    version: u32,
    event: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    seq: Option<u64>,
    data: &'a T,
}

impl Show<'_> {
    pub(super) async fn ask(&self, place: &Place, trial: &Trial) -> Result<Exit, Failure> {
        let progress = Progress::start("waiting for the answer", self.quiet);
        // What may be asked for once more is not shown before it is known to be the answer.
        let streams = self.streams && !trial.repair && self.out.format == Format::Table && io::stdout().is_terminal();
        let mut streamed = String::new();
        let mut listener = |numbered: &Numbered| match &numbered.event {
            TurnEvent::Delta(delta) | TurnEvent::Snapshot(delta) if streams => {
                progress.end();
                streamed.push_str(&delta.text);
                self.out.piece(&terminal::plain(&delta.text))
            }
            event if self.out.format == Format::Ndjson => {
                progress.end();
                self.event(place, event.name(), Some(numbered.seq), event)
            }
            _ => Ok(()),
        };
        let attempted = trial.attempt(place, &mut listener).await;
        progress.end();
        match attempted {
            Ok(record) => self.conclude(place, record, &streamed),
            Err(failure) => {
                if !streamed.is_empty() {
                    self.out.print("")?;
                }
                Err(failure)
            }
        }
    }

    fn event<T: Serialize>(&self, place: &Place, event: &str, seq: Option<u64>, data: &T) -> io::Result<()> {
        let line = serde_json::to_string(&Line { version: VERSION, event, seq, data })?;
        self.out.print(&place.secrets.hide(&line))
    }

    fn conclude(&self, place: &Place, record: Record, streamed: &str) -> Result<Exit, Failure> {
        match self.out.format {
            Format::Json => {
                let record = record.without(&place.secrets);
                self.out.json(&record)?;
                return judged(record);
            }
            Format::Ndjson => self.event(place, "record", None, &record)?,
            Format::Table | Format::Plain => self.print(&record, streamed)?,
        }
        judged(record)
    }

    fn print(&self, record: &Record, streamed: &str) -> io::Result<()> {
        let is_terminal = io::stdout().is_terminal();
        if streamed.is_empty() {
            let text = if is_terminal { terminal::plain(&record.text).into_owned() } else { record.text.clone() };
            self.out.piece(&text)?;
        }
        if !record.text.ends_with('\n') {
            self.out.print("")?;
        }
        if is_terminal && !self.quiet {
            self.out.say(&format!("conversation {} · go on with -c", record.conversation_id));
        }
        Ok(())
    }
}

fn judged(record: Record) -> Result<Exit, Failure> {
    if record.passed { Ok(Exit::Done) } else { Err(Failure::Unmet(record.unmet)) }
}
