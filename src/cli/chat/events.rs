//! NDJSON output of a turn: one line per event, the record last. A secret may be split between deltas: a delta that
//! ends in what may be the beginning of one is held back until the next.

use std::io;

use serde::Serialize;

use super::{
    Output,
    record::{Record, VERSION},
};
use crate::{
    config::{Redaction, StreamRedactor},
    event::{Numbered, TurnEvent},
};

pub(super) struct Events<'a> {
    out: &'a Output,
    secrets: &'a Redaction,
    text: StreamRedactor<'a>,
    /// A delta that is held back: its number, and the part of its text that can be printed.
    waiting: Option<(u64, String)>,
}

#[derive(Serialize)]
struct Line<'a, T> {
    version: u32,
    event: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    seq: Option<u64>,
    data: &'a T,
}

#[derive(Serialize)]
struct Text<'a> {
    text: &'a str,
}

impl<'a> Events<'a> {
    pub(super) fn new(out: &'a Output, secrets: &'a Redaction) -> Self {
        Self { out, secrets, text: StreamRedactor::new(secrets), waiting: None }
    }

    pub(super) fn tell(&mut self, numbered: &Numbered) -> io::Result<()> {
        let TurnEvent::Delta(delta) = &numbered.event else {
            self.tell_waiting()?;
            return self.line(numbered.event.name(), Some(numbered.seq), &numbered.event);
        };
        // Text held back of the delta before is printed under that delta's number, as far as it is decided.
        let shown = self.text.push(&delta.text);
        let shown = match self.waiting.take() {
            Some((seq, before)) => {
                self.delta(seq, &(before + &shown))?;
                String::new()
            }
            None => shown,
        };
        if self.text.is_keeping_back() {
            self.waiting = Some((numbered.seq, shown));
            return Ok(());
        }
        self.delta(numbered.seq, &shown)
    }

    pub(super) fn end(&self, record: &Record) -> io::Result<()> {
        self.line("record", None, record)
    }

    fn tell_waiting(&mut self) -> io::Result<()> {
        let Some((seq, text)) = self.waiting.take() else { return Ok(()) };
        let rest = self.text.finish();
        self.delta(seq, &(text + &rest))
    }

    fn delta(&self, seq: u64, text: &str) -> io::Result<()> {
        self.line("delta", Some(seq), &Text { text })
    }

    fn line<T: Serialize>(&self, event: &str, seq: Option<u64>, data: &T) -> io::Result<()> {
        let line = serde_json::to_string(&Line { version: VERSION, event, seq, data })?;
        self.out.print(&self.secrets.hide(&line))
    }
}
