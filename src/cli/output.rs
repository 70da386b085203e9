//! Writing answers: as a table for people, as JSON or tab-separated lines for programs. Every write can find that the
//! reader has gone; then the command is done.

use std::io::{self, IsTerminal, Write};

use clap::ValueEnum;
use serde::Serialize;
use tabled::{
    builder::Builder,
    settings::{Padding, Style},
};

use crate::terminal::{Color, Styles, line};

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    Table,
    /// One document
    Json,
    /// One document a line
    Ndjson,
    /// Tab-separated, without headings
    Plain,
}

/// Where answers and talk go.
pub struct Output {
    pub(super) format: Format,
    stdout: Styles,
    stderr: Styles,
}

/// Something that has a row in a table.
pub(super) trait Row: Serialize {
    const HEADINGS: &'static [&'static str];

    fn cells(&self) -> Vec<String>;
}

impl Output {
    pub fn new(format: Format, color: Color) -> Self {
        let no_color = std::env::var("NO_COLOR").ok();
        let styles = |is_terminal| Styles { colored: color.applies(no_color.as_deref(), is_terminal) };
        Self { format, stdout: styles(io::stdout().is_terminal()), stderr: styles(io::stderr().is_terminal()) }
    }

    pub(super) fn is_for_programs(&self) -> bool {
        matches!(self.format, Format::Json | Format::Ndjson)
    }

    /// Many of the same kind.
    pub(super) fn list<R: Row>(&self, rows: &[R]) -> io::Result<()> {
        match self.format {
            Format::Json => self.json(&rows),
            Format::Ndjson => rows.iter().try_for_each(|row| self.json(row)),
            Format::Plain => rows.iter().try_for_each(|row| self.print(&tabbed(&row.cells()))),
            Format::Table => self.print(&self.table(rows)),
        }
    }

    /// One, as a list of its members.
    pub(super) fn one<R: Row>(&self, row: &R) -> io::Result<()> {
        match self.format {
            Format::Json | Format::Ndjson => self.json(row),
            Format::Plain => self.print(&tabbed(&row.cells())),
            Format::Table => {
                let width = R::HEADINGS.iter().map(|heading| heading.len()).max().unwrap_or_default();
                R::HEADINGS.iter().zip(row.cells()).try_for_each(|(heading, cell)| {
                    self.print(&format!("{}  {}", self.stdout.dim(format!("{heading:width$}")), line(&cell)))
                })
            }
        }
    }

    pub(super) fn json(&self, value: &impl Serialize) -> io::Result<()> {
        self.print(&serde_json::to_string(value)?)
    }

    /// A line of the answer.
    pub(super) fn print(&self, text: &str) -> io::Result<()> {
        writeln!(io::stdout().lock(), "{text}")
    }

    /// A piece of the answer, seen at once.
    pub(super) fn piece(&self, text: &str) -> io::Result<()> {
        let mut stdout = io::stdout().lock();
        stdout.write_all(text.as_bytes())?;
        stdout.flush()
    }

    /// A line of talk. Nothing can be done if nobody hears it.
    pub fn say(&self, text: &str) {
        writeln!(io::stderr().lock(), "{text}").ok();
    }

    pub(super) fn complain(&self, text: &str) {
        self.say(&format!("{} {text}", self.stderr.red("error:")));
    }

    /// Text that is there for orientation only.
    pub(super) fn dim(&self, text: &str) -> String {
        self.stdout.dim(text).to_string()
    }

    fn table<R: Row>(&self, rows: &[R]) -> String {
        if rows.is_empty() {
            return "nothing found".into();
        }
        let mut builder = Builder::default();
        builder.push_record(R::HEADINGS.iter().copied());
        for row in rows {
            builder.push_record(row.cells().iter().map(|cell| line(cell).into_owned()));
        }
        let mut table = builder.build();
        table.with(Style::empty()).with(Padding::new(0, 2, 0, 0));
        let text = table.to_string();
        let mut lines = text.lines().map(str::trim_end);
        // Colored as a whole, after the columns have their widths.
        let headings = lines.next().map(|headings| self.stdout.dim(headings).to_string());
        headings.into_iter().chain(lines.map(str::to_owned)).collect::<Vec<_>>().join("\n")
    }
}

fn tabbed(cells: &[String]) -> String {
    cells.iter().map(|cell| line(cell).replace('\t', " ")).collect::<Vec<_>>().join("\t")
}
