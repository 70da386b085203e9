//! Suites: a file with prompts, their models, and the expectations of the replies. Reading one gives its cases, or all
//! its mistakes, by line.

mod case;
mod file;
mod pieces;

use std::{fmt, path::Path};

pub use self::case::Case;
use self::file::SuiteFile;
use super::Variables;
use crate::{model::without_bom, suggestions};

/// The JSON Schema of a suite's file, for editors.
pub const SCHEMA: &str = include_str!("schema.json");

/// The command line's choices for a suite.
#[derive(Clone, Debug, Default)]
pub struct SuiteOptions {
    /// Take precedence over the values of the file.
    pub variables: Variables,
    /// Only this model.
    pub model: Option<String>,
    /// Only cases with one of these tags.
    pub only: Vec<String>,
    /// No cases with one of these tags.
    pub skip: Vec<String>,
    pub repeat: Option<usize>,
    pub min_pass: Option<usize>,
}

#[derive(Clone, Debug)]
pub struct Suite {
    pub name: String,
    /// In the order of the file, one for each model of a case.
    pub cases: Vec<Case>,
}

/// The mistakes in a file, each with its line.
#[derive(Debug, PartialEq, Eq)]
pub struct Mistakes(pub Vec<String>);

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("\n"))
    }
}

impl Suite {
    /// Reads a suite; the files it names are relative to its folder.
    pub fn read(path: &Path, choice: &SuiteOptions) -> Result<Self, Mistakes> {
        let text = std::fs::read_to_string(path);
        let text = text.map_err(|error| Mistakes(vec![format!("{} cannot be read: {error}", path.display())]))?;
        Self::parse(without_bom(&text), path, choice)
    }

    fn parse(text: &str, path: &Path, choice: &SuiteOptions) -> Result<Self, Mistakes> {
        let told = |line: u64, what: &str| format!("{}:{line}: {what}", path.display());
        let file = SuiteFile::parse(text).map_err(|(line, what)| Mistakes(vec![told(line, &what)]))?;
        let (cases, wrong) = case::all_of(&file, path.parent().unwrap_or(Path::new("")), choice);
        if !wrong.is_empty() {
            return Err(Mistakes(wrong.iter().map(|(line, what)| told(*line, what)).collect()));
        }
        let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
        let suite = Self { name: file.name.or(stem).unwrap_or_default(), cases: chosen(cases, choice) };
        if suite.cases.is_empty() {
            let tags = file.cases.iter().flat_map(|case| case.value.tags.iter().map(String::as_str));
            let wanted = choice.only.first().map(|tag| format!("; tag `{tag}`: {}", suggestions::remedy(tag, tags)));
            return Err(Mistakes(vec![format!(
                "{}: no case is left to try{}",
                path.display(),
                wanted.unwrap_or_default()
            )]));
        }
        Ok(suite)
    }
}

fn chosen(mut cases: Vec<Case>, choice: &SuiteOptions) -> Vec<Case> {
    let has = |case: &Case, tags: &[String]| tags.iter().any(|tag| case.tags.contains(tag));
    cases.retain(|case| (choice.only.is_empty() || has(case, &choice.only)) && !has(case, &choice.skip));
    cases
}

#[cfg(test)]
mod tests;
