//! Redaction of recordings: a text is stored with the names of its secrets, and played with their values. A recording
//! is found whether or not the same texts are secrets where it is played.

use std::collections::BTreeSet;

use regex::Regex;
use serde_json::Value;

use super::recorded_request::RecordedRequest;
use crate::config::{Redaction, Values, marked};

/// Replaces the secrets in texts by their names, which it collects. With none, texts stay as they are.
pub(super) struct Redactor<'r> {
    secrets: Option<&'r Redaction>,
    names: BTreeSet<String>,
}

impl<'r> Redactor<'r> {
    pub(super) fn of(secrets: &'r Redaction) -> Self {
        Self { secrets: Some(secrets), names: BTreeSet::new() }
    }

    pub(super) fn none() -> Self {
        Self { secrets: None, names: BTreeSet::new() }
    }

    pub(super) fn text(&mut self, text: &str) -> String {
        let Some(secrets) = self.secrets else { return text.to_owned() };
        let (sealed, names) = secrets.seal(text);
        self.names.extend(names);
        sealed
    }

    pub(super) fn names(self) -> Vec<String> {
        self.names.into_iter().collect()
    }
}

/// Matches a request with the recorded one; returns what it has in the places of these secrets.
pub(super) fn bound(recorded: &RecordedRequest, names: &[String], open: &RecordedRequest) -> Option<Values> {
    let mut values = Values::new();
    let (recorded, open) = (Value::Object(recorded.members()), Value::Object(open.members()));
    binds(&recorded, &open, names, &mut values).then_some(values)
}

fn binds(recorded: &Value, open: &Value, names: &[String], values: &mut Values) -> bool {
    match (recorded, open) {
        (Value::String(recorded), Value::String(open)) => text_binds(recorded, open, names, values),
        (Value::Array(recorded), Value::Array(open)) => match (joined(recorded), joined(open)) {
            // A secret may have several lines.
            (Some(recorded), Some(open)) => text_binds(&recorded, &open, names, values),
            _ => recorded.len() == open.len() && recorded.iter().zip(open).all(|(a, b)| binds(a, b, names, values)),
        },
        (Value::Object(recorded), Value::Object(open)) => {
            recorded.len() == open.len()
                && recorded.iter().zip(open).all(|((a, x), (b, y))| a == b && binds(x, y, names, values))
        }
        (recorded, open) => recorded == open,
    }
}

fn joined(lines: &[Value]) -> Option<String> {
    let lines: Option<Vec<&str>> = lines.iter().map(Value::as_str).collect();
    Some(lines?.join("\n"))
}

fn text_binds(recorded: &str, open: &str, names: &[String], values: &mut Values) -> bool {
    if recorded == open {
        return true;
    }
    let (mut pattern, mut rest, mut places) = (String::from("(?s)^"), recorded, Vec::new());
    while let Some((at, name)) = names.iter().filter_map(|name| Some((rest.find(&marked(name))?, name))).min() {
        pattern.push_str(&regex::escape(&rest[..at]));
        pattern.push_str("(.+?)");
        places.push(name);
        rest = &rest[at + marked(name).len()..];
    }
    pattern.push_str(&regex::escape(rest));
    pattern.push('$');
    let found = Regex::new(&pattern).ok().filter(|_| !places.is_empty());
    let Some(found) = found.as_ref().and_then(|pattern| pattern.captures(open)) else { return false };
    places.into_iter().zip(found.iter().skip(1).flatten()).all(|(name, value)| {
        let known = values.entry(name.clone()).or_insert_with(|| value.as_str().to_owned());
        known == value.as_str()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_value_may_stand_for_a_recorded_secret() {
        let names = ["T".to_owned(), "U".to_owned()];
        for (recorded, open, expected) in [
            ("a ***T*** b ***T***", "a xyz b xyz", Some("xyz")),
            ("a ***T*** b ***T***", "a xyz b xy", None),
            ("***T***", "line\nline", Some("line\nline")),
            ("***U***: ***T***", "1: 2", Some("2")),
            ("a ***bold*** b", "a x b", None),
            ("a", "b", None),
        ] {
            let mut values = Values::new();
            let is_same = text_binds(recorded, open, &names, &mut values);
            let value = values.get("T").map(String::as_str).filter(|_| is_same);
            assert_eq!((is_same, value), (expected.is_some(), expected), "{recorded}");
        }
    }
}
