//! The report files of a series. They are opened before the first prompt is sent, so that no reply is paid for whose
//! report cannot be written.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
};

use super::{Failure, Output, junit, markdown, report::Report};
use crate::config::Redaction;

/// Maximum size of a step's summary; GitHub drops a longer one as a whole.
const MAX_SUMMARY: u64 = 1024 * 1024;

pub(super) struct Reports {
    junit: Option<Junit>,
    /// `$GITHUB_STEP_SUMMARY`: what is appended to it is shown on the page of the job.
    summary: Option<Sink>,
}

enum Junit {
    /// `-`
    Stdout,
    File(Sink),
}

struct Sink {
    path: PathBuf,
    file: File,
}

impl Reports {
    /// Opens the files. Errors: a file that cannot be written.
    pub(super) fn open(junit: Option<&Path>, out: &Output) -> Result<Self, Failure> {
        let junit = match junit {
            Some(path) if path.as_os_str() == "-" && out.is_for_programs() => {
                return Err(Failure::Usage("--junit - and --output both write to standard output; name a file".into()));
            }
            Some(path) if path.as_os_str() == "-" => Some(Junit::Stdout),
            Some(path) => Some(Junit::File(Sink::open(path, OpenOptions::new().write(true))?)),
            None => None,
        };
        let summary = std::env::var_os("GITHUB_STEP_SUMMARY").filter(|path| !path.is_empty()).map(PathBuf::from);
        let summary = summary.map(|path| Sink::open(&path, OpenOptions::new().append(true))).transpose()?;
        Ok(Self { junit, summary })
    }

    pub(super) fn take_stdout(&self) -> bool {
        matches!(self.junit, Some(Junit::Stdout))
    }

    /// Writes the report to all files. Errors: the first file that could not be written.
    pub(super) fn write(&mut self, report: &Report, secrets: &Redaction, out: &Output) -> io::Result<()> {
        let xml = || secrets.hide(&junit::xml(report));
        let junit = match &mut self.junit {
            Some(Junit::Stdout) => out.piece(&xml()),
            Some(Junit::File(sink)) => sink.replace(&xml()),
            None => Ok(()),
        };
        let summary = self.summary.as_mut().map_or(Ok(()), |sink| {
            let room = MAX_SUMMARY.saturating_sub(sink.file.metadata()?.len());
            sink.append(&secrets.hide(&markdown::page(report, usize::try_from(room).unwrap_or(usize::MAX))))
        });
        junit.and(summary)
    }
}

impl Sink {
    fn open(path: &Path, how: &mut OpenOptions) -> Result<Self, Failure> {
        let opened = how.create(true).open(path);
        let file = opened.map_err(|error| Failure::Usage(format!("{} cannot be written: {error}", path.display())))?;
        Ok(Self { path: path.to_owned(), file })
    }

    /// Replaces the content, which is kept until the new one is there. A pipe cannot be truncated.
    fn replace(&mut self, text: &str) -> io::Result<()> {
        if self.file.metadata()?.is_file() {
            self.file.set_len(0).map_err(|error| self.named(&error))?;
        }
        self.append(text)
    }

    fn append(&mut self, text: &str) -> io::Result<()> {
        self.file.write_all(text.as_bytes()).map_err(|error| self.named(&error))
    }

    fn named(&self, error: &io::Error) -> io::Error {
        io::Error::other(format!("{} cannot be written: {error}", self.path.display()))
    }
}
