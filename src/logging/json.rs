//! Log lines as JSON: one object each, in harmless characters. Written by hand, because every request and every turn
//! writes one, and tracing-subscriber's own way through serde takes five times as long.

use std::fmt::{self, Debug, Write};

use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    fmt::{
        FmtContext, FormatEvent, FormattedFields,
        format::{JsonFields, Writer},
    },
    registry::LookupSpan,
};

use crate::{clock, terminal};

/// Slightly more than the longest frequent line.
const USUAL_LENGTH: usize = 768;

/// `{"timestamp":…,"level":…,` the event's own fields `,"target":…}`, and the span it is in, if any, as `"span"`.
pub(super) struct JsonLines;

impl<S> FormatEvent<S, JsonFields> for JsonLines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, JsonFields>,
        mut to: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut line = String::with_capacity(USUAL_LENGTH);
        line.push_str("{\"timestamp\":\"");
        line.push_str(&clock::Text::to_the_microsecond(clock::now()));
        line.push_str("\",\"level\":\"");
        line.push_str(event.metadata().level().as_str());
        line.push('"');
        event.record(&mut Fields(&mut line));
        push_text(&mut line, ",\"target\":", event.metadata().target());
        if let Some(span) = event.parent().and_then(|id| context.span(id)).or_else(|| context.lookup_current()) {
            push_text(&mut line, ",\"span\":{\"name\":", span.name());
            if let Some(fields) = span.extensions().get::<FormattedFields<JsonFields>>() {
                push_members(&mut line, fields);
            }
            line.push('}');
        }
        line.push_str("}\n");
        to.write_str(&line)
    }
}

/// Appends the members of a serialized object.
fn push_members(line: &mut String, object: &str) {
    let members = object.trim_start_matches('{').trim_end_matches('}');
    if !members.is_empty() {
        line.push(',');
        // serde_json leaves non-ASCII characters inside strings as they are; outside there are none.
        members.chars().for_each(|c| if c.is_ascii() && c != '\x7f' { line.push(c) } else { push_char(line, c) });
    }
}

/// Writes each field of an event as a member.
struct Fields<'a>(&'a mut String);

impl Fields<'_> {
    fn key(&mut self, field: &Field) {
        let name = field.name();
        self.0.push_str(",\"");
        self.0.push_str(name.strip_prefix("r#").unwrap_or(name));
        self.0.push_str("\":");
    }

    fn display(&mut self, field: &Field, value: impl fmt::Display) {
        self.key(field);
        write!(self.0, "{value}").expect("into a string");
    }
}

impl Visit for Fields<'_> {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.key(field);
        // Debug writes 1.0 where Display writes 1; JSON has no non-finite numbers.
        let written = if value.is_finite() { write!(self.0, "{value:?}") } else { self.0.write_str("null") };
        written.expect("into a string");
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.display(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.display(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.display(field, value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.key(field);
        self.0.push('"');
        push_escaped(self.0, value);
        self.0.push('"');
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.key(field);
        self.0.push('"');
        write!(Escaped(self.0), "{value:?}").expect("into a string");
        self.0.push('"');
    }
}

struct Escaped<'a>(&'a mut String);

impl Write for Escaped<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        push_escaped(self.0, text);
        Ok(())
    }
}

fn push_text(line: &mut String, key: &str, text: &str) {
    line.push_str(key);
    line.push('"');
    push_escaped(line, text);
    line.push('"');
}

/// Escapes text for a JSON string. Nearly all text needs nothing, and is copied whole.
fn push_escaped(line: &mut String, text: &str) {
    let is_plain = |byte: &u8| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\');
    if text.as_bytes().iter().all(is_plain) {
        line.push_str(text);
    } else {
        text.chars().for_each(|c| push_char(line, c));
    }
}

/// Everything that `terminal::line` would change is written as `\uXXXX`.
fn push_char(line: &mut String, c: char) {
    match c {
        '"' => line.push_str("\\\""),
        '\\' => line.push_str("\\\\"),
        '\n' => line.push_str("\\n"),
        '\r' => line.push_str("\\r"),
        '\t' => line.push_str("\\t"),
        c if terminal::is_harmless(c) => line.push(c),
        // None of them is beyond U+FFFF.
        c => write!(line, "\\u{:04x}", u32::from(c)).expect("into a string"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_text_is_read_back_as_it_was(text: String) {
            let mut line = String::new();
            push_text(&mut line, "", &text);
            prop_assert_eq!(terminal::line(&line), line.as_str());
            prop_assert_eq!(serde_json::from_str::<String>(&line).unwrap(), text);
        }
    }
}
