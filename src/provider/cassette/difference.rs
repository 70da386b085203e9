//! The recorded request nearest to one that was never recorded, and the difference.

use std::fmt::Write;

use serde_json::Value;

use super::{recorded_request::RecordedRequest, recording_store::Recording};

/// Longer lines are cut.
const MOST_CHARS: usize = 160;
/// The most characters of a text that are compared.
const COMPARED: usize = 4000;

/// The nearest recording's file, and the difference.
pub(super) fn nearest(
    asked: &RecordedRequest,
    all: impl Iterator<Item = (String, Recording)>,
) -> Option<(String, String)> {
    let best = all.max_by(|(_, a), (_, b)| likeness(asked, &a.request).total_cmp(&likeness(asked, &b.request)));
    best.map(|(name, recording)| (name, told(&recording.request, asked)))
}

/// Similarity: of the prompts above all, and then of all members.
fn likeness(asked: &RecordedRequest, other: &RecordedRequest) -> f64 {
    let question = |asked: &RecordedRequest| asked.question().chars().take(COMPARED).collect::<String>();
    let (members, others) = (asked.members(), other.members());
    let same = members.iter().filter(|(name, value)| others.get(*name) == Some(value)).count();
    let all = members.len().max(others.len());
    strsim::sorensen_dice(&question(asked), &question(other)) + 0.5 * same as f64 / all as f64
}

/// Every member that differs, `-` as recorded and `+` as requested.
fn told(recorded: &RecordedRequest, asked: &RecordedRequest) -> String {
    let (old, new) = (recorded.members(), asked.members());
    let mut names: Vec<&String> = old.keys().chain(new.keys()).collect();
    names.sort();
    names.dedup();
    let mut text = String::new();
    for name in names {
        if let Some((removed, added)) = first_difference(old.get(name), new.get(name)) {
            let _ = write!(text, "  {name}:\n    - {removed}\n    + {added}\n");
        }
    }
    if text.is_empty() {
        text.push_str("  its file has another name than its request asks for: was it edited?");
    }
    text.trim_end().to_owned()
}

/// The first place where they differ: a line of a text, or a value.
fn first_difference(old: Option<&Value>, new: Option<&Value>) -> Option<(String, String)> {
    if old == new {
        return None;
    }
    match (old, new) {
        (Some(Value::Array(old)), Some(Value::Array(new))) => {
            let longest = old.len().max(new.len());
            (0..longest).find_map(|at| first_difference(old.get(at), new.get(at)))
        }
        (Some(Value::Object(old)), Some(Value::Object(new))) => {
            let names = old.keys().chain(new.keys());
            names.into_iter().find_map(|name| first_difference(old.get(name), new.get(name)))
        }
        (old, new) => Some((shown(old), shown(new))),
    }
}

fn shown(value: Option<&Value>) -> String {
    let text = match value {
        None => return "(nothing)".into(),
        Some(Value::String(text)) if text.is_empty() => return "(an empty line)".into(),
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
    };
    match text.char_indices().nth(MOST_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
