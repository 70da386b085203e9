//! Reading values by key from one table of the file and the layers above it.
//!
//! A key is known once it was read; one that is left over when the section is closed is a mistake.

use std::ops::{Range, RangeInclusive};

use toml::de::{DeTable, DeValue};

use super::{
    Mistake, Origin,
    input::{Input, Wrong},
    reader::{Read, Reader, Reported},
    value::{Amount, Value},
};
use crate::suggestions;

/// One table while it is being read.
pub(super) struct Section<'r, 'a> {
    pub reader: &'r mut Reader<'a>,
    /// Like `server` or `providers[0].timeouts`; empty for the document.
    path: String,
    table: Option<&'a DeTable<'a>>,
    keys: Vec<&'static str>,
}

/// Reads `table` by `read`, and refuses the keys that are left over.
pub(super) fn read<'a, R>(
    reader: &mut Reader<'a>,
    path: String,
    table: Option<&'a DeTable<'a>>,
    read: impl FnOnce(&mut Section<'_, 'a>) -> R,
) -> R {
    let mut section = Section { reader, path, table, keys: Vec::new() };
    let result = read(&mut section);
    section.refuse_unknown_keys();
    result
}

impl<'a> Section<'_, 'a> {
    /// The key with the names of the tables around it.
    pub fn full(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    /// Whether the file gives the key.
    pub fn has(&self, key: &str) -> bool {
        self.table.is_some_and(|table| table.contains_key(key))
    }

    /// Marks keys as known that are not read because something else is wrong.
    pub fn skip(&mut self, keys: &[&'static str]) {
        self.keys.extend(keys);
    }

    pub fn optional<T: Value>(&mut self, key: &'static str) -> Read<Option<T>> {
        let full = self.know(key);
        if let Some((origin, text)) = self.reader.layers.get(&full).cloned() {
            return self.reader.parse(full, Input::Text(&text), origin).map(Some);
        }
        let Some(value) = self.table.and_then(|table| table.get(key)) else { return Ok(None) };
        let origin = self.origin(value.span());
        self.reader.parse(full, Input::Toml(value), origin).map(Some)
    }

    pub fn get<T: Value>(&mut self, key: &'static str, default: &str) -> Read<T> {
        match self.optional(key)? {
            Some(value) => Ok(value),
            None => self.reader.parse(self.full(key), Input::Text(default), Origin::Default),
        }
    }

    pub fn get_within<T: Amount>(&mut self, key: &'static str, default: &str, range: RangeInclusive<T>) -> Read<T> {
        let value = self.get(key, default)?;
        self.check_within(key, value, range)
    }

    /// Reads a required key; `example` is the remedy where it is missing.
    pub fn required<T: Value>(&mut self, key: &'static str, example: &str) -> Read<T> {
        match self.optional(key)? {
            Some(value) => Ok(value),
            None => Err(self.reader.mistake(&self.full(key), "missing", format!("add {example}"))),
        }
    }

    pub fn required_within<T: Amount>(
        &mut self,
        key: &'static str,
        example: &str,
        range: RangeInclusive<T>,
    ) -> Read<T> {
        let value = self.required(key, example)?;
        self.check_within(key, value, range)
    }

    pub fn check_within<T: Amount>(&mut self, key: &str, value: T, range: RangeInclusive<T>) -> Read<T> {
        if range.contains(&value) {
            return Ok(value);
        }
        let (least, most) = (range.start().written(), range.end().written());
        Err(self.mistake(key, format!("{} is out of range", value.written()), format!("give {least} to {most}")))
    }

    /// Refuses a key that another one's value rules out.
    pub fn refuse(&mut self, key: &'static str, why: &str) -> Read<()> {
        self.skip(&[key]);
        let Some(value) = self.table.and_then(|table| table.get(key)) else { return Ok(()) };
        let origin = self.origin(value.span());
        let (what, remedy) = (why.to_owned(), format!("remove {key}"));
        Err(self.reader.note(Mistake { origin, key: self.full(key), what, remedy }))
    }

    pub fn mistake(&mut self, key: &str, what: impl Into<String>, remedy: impl Into<String>) -> Reported {
        self.reader.mistake(&self.full(key), what, remedy)
    }

    /// Reads a table inside this one; absent, it is read as an empty one.
    pub fn table<R>(&mut self, key: &'static str, by: impl FnOnce(&mut Section<'_, 'a>) -> R) -> R {
        let full = self.know(key);
        let value = self.table.and_then(|table| table.get(key));
        if let Some(value) = value {
            self.reader.know(&full, Some(self.origin(value.span())));
            if !value.get_ref().is_table() {
                let wrong = Wrong::expected(Input::Toml(value), "a table", format!("write it as [{full}]"));
                self.reader.mistake(&full, wrong.what, wrong.remedy);
            }
        }
        read(self.reader, full, value.and_then(|value| value.get_ref().as_table()), by)
    }

    pub fn optional_table<R>(
        &mut self,
        key: &'static str,
        by: impl FnOnce(&mut Section<'_, 'a>) -> Read<R>,
    ) -> Read<Option<R>> {
        if self.has(key) {
            return self.table(key, by).map(Some);
        }
        self.skip(&[key]);
        Ok(None)
    }

    /// Reads the tables of a list in their order; `None` where the key is not given.
    pub fn tables<R>(
        &mut self,
        key: &'static str,
        mut by: impl FnMut(&mut Section<'_, 'a>) -> Read<R>,
    ) -> Read<Option<Vec<R>>> {
        let full = self.know(key);
        let Some(value) = self.table.and_then(|table| table.get(key)) else { return Ok(None) };
        self.reader.know(&full, Some(self.origin(value.span())));
        let DeValue::Array(items) = value.get_ref() else {
            let wrong = Wrong::expected(Input::Toml(value), "a list of tables", format!("write it as [[{full}]]"));
            return Err(self.reader.mistake(&full, wrong.what, wrong.remedy));
        };
        let mut all = Vec::new();
        for (i, item) in items.iter().enumerate() {
            let path = format!("{full}[{i}]");
            self.reader.know(&path, Some(self.origin(item.span())));
            all.push(match item.get_ref() {
                DeValue::Table(table) => read(self.reader, path, Some(table), &mut by),
                _ => Err(self.reader.mistake(&path, "expected a table", format!("write it as [[{full}]]"))),
            });
        }
        all.into_iter().collect::<Read<Vec<R>>>().map(Some)
    }

    /// Reads a table whose keys are free.
    pub fn entries<T: Value>(&mut self, key: &'static str) -> Read<Vec<(String, T)>> {
        let full = self.know(key);
        let Some(value) = self.table.and_then(|table| table.get(key)) else { return Ok(Vec::new()) };
        self.reader.know(&full, Some(self.origin(value.span())));
        let DeValue::Table(table) = value.get_ref() else {
            let wrong =
                Wrong::expected(Input::Toml(value), "a table", format!("write it as {key} = {{ name = \"value\" }}"));
            return Err(self.reader.mistake(&full, wrong.what, wrong.remedy));
        };
        let mut entries = Vec::with_capacity(table.len());
        for (name, value) in table {
            let (path, origin) = (format!("{full}.{}", name.get_ref()), self.origin(value.span()));
            entries.push((name.get_ref().to_string(), self.reader.parse(path, Input::Toml(value), origin)));
        }
        entries.into_iter().map(|(name, value)| Ok((name, value?))).collect()
    }

    fn know(&mut self, key: &'static str) -> String {
        let full = self.full(key);
        self.keys.push(key);
        self.reader.know(&full, None);
        full
    }

    fn origin(&self, span: Range<usize>) -> Origin {
        self.reader.file.map_or(Origin::Default, |file| file.origin(span))
    }

    fn refuse_unknown_keys(&mut self) {
        for (key, _) in self.table.into_iter().flatten() {
            let name: &str = key.get_ref();
            if !self.keys.contains(&name) {
                let remedy = suggestions::remedy(name, self.keys.iter().copied());
                let origin = self.origin(key.span());
                let mistake = Mistake { origin, key: self.full(name), what: "unknown key".to_owned(), remedy };
                self.reader.note(mistake);
            }
        }
    }
}
