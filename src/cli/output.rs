//! Output of results: a table for people, JSON or tab-separated lines for programs. Every write may find the pipe
//! closed; then the command is done.

use std::io::{self, IsTerminal, Write};

use clap::ValueEnum;
use serde::Serialize;

use super::table;
use crate::terminal::{self, Color, Styles, line};

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

/// The output streams: results on stdout, messages on stderr.
pub struct Output {
    pub(super) format: Format,
    stdout: Styles,
    stderr: Styles,
    /// The width of the terminal on stdout.
    room: Option<usize>,
}

/// A value with a row in a table.
pub(super) trait Row: Serialize {
    const HEADINGS: &'static [&'static str];

    fn cells(&self) -> Vec<String>;
}

impl Output {
    pub fn new(format: Format, color: Color) -> Self {
        let no_color = std::env::var("NO_COLOR").ok();
        let styles = |is_terminal| Styles { colored: color.applies(no_color.as_deref(), is_terminal) };
        let (stdout, stderr) = (io::stdout().is_terminal(), io::stderr().is_terminal());
        let columns = std::env::var("COLUMNS").ok();
        let room = if stdout { terminal::columns(columns.as_deref(), io::stdout()) } else { None };
        Self { format, stdout: styles(stdout), stderr: styles(stderr), room }
    }

    pub(super) fn is_for_programs(&self) -> bool {
        matches!(self.format, Format::Json | Format::Ndjson)
    }

    /// Prints a list.
    pub(super) fn list<R: Row>(&self, rows: &[R]) -> io::Result<()> {
        match self.format {
            Format::Json => self.json(&rows),
            Format::Ndjson => rows.iter().try_for_each(|row| self.json(row)),
            Format::Plain => rows.iter().try_for_each(|row| self.print(&tabbed(&row.cells()))),
            Format::Table => self.print(&self.table(rows)),
        }
    }

    /// Prints one value, as a list of its members.
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

    /// Prints a line of the result.
    pub(super) fn print(&self, text: &str) -> io::Result<()> {
        writeln!(io::stdout().lock(), "{text}")
    }

    /// Prints a piece of the result, and flushes it.
    pub(super) fn piece(&self, text: &str) -> io::Result<()> {
        let mut stdout = io::stdout().lock();
        stdout.write_all(text.as_bytes())?;
        stdout.flush()
    }

    /// Prints a message on stderr. A failed write is ignored.
    pub fn say(&self, text: &str) {
        writeln!(io::stderr().lock(), "{text}").ok();
    }

    pub(super) fn complain(&self, text: &str) {
        self.say(&format!("{} {text}", self.stderr.red("error:")));
    }

    /// Dims secondary text.
    pub(super) fn dim(&self, text: &str) -> String {
        self.stdout.dim(text).to_string()
    }

    /// Marks text that needs attention.
    pub(super) fn red(&self, text: &str) -> String {
        self.stdout.red(text).to_string()
    }

    fn table<R: Row>(&self, rows: &[R]) -> String {
        if rows.is_empty() {
            return "nothing found".into();
        }
        let cells = |row: &R| row.cells().iter().map(|cell| line(cell).into_owned()).collect();
        let rows: Vec<Vec<String>> = rows.iter().map(cells).collect();
        let mut lines = table::lines(R::HEADINGS, &rows, self.room);
        // Colored as a whole, after the columns have their widths.
        lines[0] = self.stdout.dim(&lines[0]).to_string();
        lines.join("\n")
    }
}

fn tabbed(cells: &[String]) -> String {
    cells.iter().map(|cell| line(cell).replace('\t', " ")).collect::<Vec<_>>().join("\t")
}
