//! Output of one reply: streamed on a terminal, whole into a pipe, as a record or as events for programs.

use std::io::{self, IsTerminal};

use super::{Exit, Failure, Output, Target, attempt::Attempt, events::Events, progress::Progress, record::Record};
use crate::{
    cli::output::Format,
    config::StreamRedactor,
    event::{Numbered, TurnEvent},
    terminal,
};

/// How the reply is printed.
pub(super) struct Show<'a> {
    pub(super) out: &'a Output,
    pub(super) streams: bool,
    pub(super) quiet: bool,
}

impl Show<'_> {
    pub(super) async fn ask(&self, place: &Target, trial: &Attempt) -> Result<Exit, Failure> {
        let progress = Progress::start("waiting for the answer", self.quiet);
        // A reply that may be repaired is not streamed: it may not be the final one.
        let streams = self.streams && !trial.repair && self.out.format == Format::Table && io::stdout().is_terminal();
        let mut streamed = StreamRedactor::new(&place.secrets);
        let mut has_streamed = false;
        let mut events = Events::new(self.out, &place.secrets);
        let mut listener = |numbered: &Numbered| match &numbered.event {
            TurnEvent::Delta(delta) | TurnEvent::Snapshot(delta) if streams => {
                progress.end();
                has_streamed = true;
                self.out.piece(&terminal::plain(&streamed.push(&delta.text)))
            }
            _ if self.out.format == Format::Ndjson => {
                progress.end();
                events.tell(numbered)
            }
            _ => Ok(()),
        };
        let attempted = trial.attempt(place, None, &mut listener).await;
        progress.end();
        if has_streamed {
            self.out.piece(&terminal::plain(&streamed.finish()))?;
        }
        match attempted {
            Ok(record) => self.conclude(record, has_streamed, &events),
            Err(failure) => {
                if has_streamed {
                    self.out.print("")?;
                }
                Err(failure)
            }
        }
    }

    fn conclude(&self, record: Record, has_streamed: bool, events: &Events<'_>) -> Result<Exit, Failure> {
        match self.out.format {
            Format::Json => self.out.json(&record)?,
            Format::Ndjson => events.end(&record)?,
            Format::Table | Format::Plain => self.print(&record, has_streamed)?,
        }
        if record.passed { Ok(Exit::Done) } else { Err(Failure::Unmet(record.unmet)) }
    }

    fn print(&self, record: &Record, has_streamed: bool) -> io::Result<()> {
        let is_terminal = io::stdout().is_terminal();
        if !has_streamed {
            let text = if is_terminal { terminal::plain(&record.text).into_owned() } else { record.text.clone() };
            self.out.piece(&text)?;
        }
        if !record.text.ends_with('\n') {
            self.out.print("")?;
        }
        if is_terminal && !self.quiet {
            self.out.say(&format!("conversation {} · continue with -c", record.conversation_id));
        }
        Ok(())
    }
}
