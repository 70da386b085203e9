//! The state of reading a configuration: each value with its place, and every mistake.
//!
//! A value that a higher layer replaces is not parsed.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Error, Mistake, Origin, Setting,
    file::File,
    input::{Input, Wrong},
    value::{Context, Value},
};

/// The result of reading; `Err` says no more than that a mistake has been noted.
pub(super) type Read<T> = Result<T, Reported>;

#[derive(Clone, Copy, Debug)]
pub(super) struct Reported(());

pub(super) struct Reader<'a> {
    pub context: Context<'a>,
    pub file: Option<&'a File>,
    /// Values from flags and variables by key, like `server.listen`.
    pub layers: BTreeMap<String, (Origin, String)>,
    mistakes: Vec<Mistake>,
    /// Valid values that need attention.
    pub warnings: Vec<Mistake>,
    pub settings: Vec<Setting>,
    /// The secrets that the file itself holds, in whole or in part.
    pub written_secrets: Vec<(String, Origin)>,
    /// The place of each key that was read, those of tables too.
    places: BTreeMap<String, Origin>,
    known: BTreeSet<String>,
}

impl<'a> Reader<'a> {
    pub fn new(context: Context<'a>, file: Option<&'a File>, layers: BTreeMap<String, (Origin, String)>) -> Self {
        Self {
            context,
            file,
            layers,
            mistakes: Vec::new(),
            warnings: Vec::new(),
            settings: Vec::new(),
            written_secrets: Vec::new(),
            places: BTreeMap::new(),
            known: BTreeSet::new(),
        }
    }

    /// Registers a key as known, and its place if it is given.
    pub fn know(&mut self, key: &str, place: Option<Origin>) {
        self.known.insert(key.to_owned());
        self.places.extend(place.map(|place| (key.to_owned(), place)));
    }

    /// `section.key` of every key that a variable may set.
    pub fn known_scalars(&self) -> impl Iterator<Item = &str> + Clone {
        self.known.iter().map(String::as_str).filter(|key| !key.contains('[') && key.matches('.').count() == 1)
    }

    /// Notes a mistake about a key that was read before.
    pub fn mistake(&mut self, key: &str, what: impl Into<String>, remedy: impl Into<String>) -> Reported {
        let origin = self.place(key).unwrap_or(Origin::Default);
        self.note(Mistake { origin, key: key.to_owned(), what: what.into(), remedy: remedy.into() })
    }

    /// Notes a warning about a key that was read before.
    pub fn warn(&mut self, key: &str, what: impl Into<String>, remedy: impl Into<String>) {
        let origin = self.place(key).unwrap_or(Origin::Default);
        self.warnings.push(Mistake { origin, key: key.to_owned(), what: what.into(), remedy: remedy.into() });
    }

    /// The place of a key, or of its section if the key is not given.
    pub fn place(&self, key: &str) -> Option<Origin> {
        let section = key.rsplit_once('.').map(|(section, _)| section);
        self.places.get(key).or_else(|| self.places.get(section?)).cloned()
    }

    pub fn note(&mut self, mistake: Mistake) -> Reported {
        self.mistakes.push(mistake);
        Reported(())
    }

    /// Returns the value, or all mistakes in the order of the file.
    pub fn finish<T>(self, read: Read<T>) -> Result<(T, Vec<Setting>), Error> {
        let mut mistakes = self.mistakes;
        mistakes.sort_by_key(|mistake| match mistake.origin {
            Origin::File { line, column, .. } => (0, line, column),
            Origin::Environment(_) => (1, 0, 0),
            Origin::Flag(_) | Origin::Default => (2, 0, 0),
        });
        match read {
            Ok(value) if mistakes.is_empty() => Ok((value, self.settings)),
            _ => Err(Error { mistakes }),
        }
    }

    /// Parses one value, and records it and its place.
    pub fn parse<T: Value>(&mut self, key: String, input: Input<'_>, origin: Origin) -> Read<T> {
        self.places.insert(key.clone(), origin.clone());
        match T::parse(input, &self.context) {
            Ok(value) => {
                let written = input.text().or_else(|| Some(self.file?.written(input.span()?))).unwrap_or_default();
                let shown = value.shown(written);
                if shown != written && matches!(origin, Origin::File { .. }) && stands_there(input) {
                    self.written_secrets.push((key.clone(), origin.clone()));
                }
                self.settings.push(Setting { key, value: shown, origin });
                Ok(value)
            }
            Err(Wrong { what, remedy, span }) => {
                let origin = span.and_then(|span| Some(self.file?.origin(span))).unwrap_or(origin);
                Err(self.note(Mistake { origin, key, what, remedy }))
            }
        }
    }
}

/// Whether a value, or one item of it, is given as text and not as the source of a secret.
fn stands_there(input: Input<'_>) -> bool {
    input.text().is_some() || input.items().is_some_and(|items| items.into_iter().any(|item| item.text().is_some()))
}
