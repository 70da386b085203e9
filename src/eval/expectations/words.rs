//! Excerpts of replies in messages: short enough for a line of a log, whole enough to see what is wrong. Secrets are
//! redacted before a text is cut, for a cut may go through one.

use std::time::Duration;

use crate::config::Redaction;

const MOST_CHARS: usize = 200;

/// Quotes a text, or the beginning of a long one.
pub(super) fn excerpt(text: &str, secrets: &Redaction) -> String {
    let text = secrets.hide(text);
    let text = text.trim_end_matches('\n');
    match text.char_indices().nth(MOST_CHARS) {
        Some((end, _)) => format!("`{}…` ({} characters)", &text[..end], text.chars().count()),
        None if text.trim().is_empty() => "an empty text".into(),
        None => format!("`{text}`"),
    }
}

/// Quotes what is around the first match in a long text.
pub(super) fn around(text: &str, found: &str, secrets: &Redaction) -> String {
    let (text, found) = (secrets.hide(text), secrets.hide(found));
    let Some(at) = text.find(&found) else { return excerpt(&text, secrets) };
    let length = found.len();
    let side = MOST_CHARS / 4;
    let before = text[..at].char_indices().rev().take(side).last().map_or(at, |(start, _)| start);
    let end = at + length;
    let after = text[end..].char_indices().nth(side).map_or(text.len(), |(offset, _)| end + offset);
    let (left, right) = (if before > 0 { "…" } else { "" }, if after < text.len() { "…" } else { "" });
    format!("`{left}{}{right}`", &text[before..after])
}

/// `40 ms`, `1.5 s`.
pub(super) fn seconds(time: Duration) -> String {
    match time.as_millis() {
        millis @ 0..1000 => format!("{millis} ms"),
        millis => format!("{} s", millis as f64 / 1e3),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_told_in_part() {
        let none = Redaction::default();
        assert_eq!(excerpt("a\nb\n", &none), "`a\nb`");
        assert_eq!(excerpt(" \n", &none), "an empty text");
        assert_eq!(excerpt(&"é".repeat(201), &none), format!("`{}…` (201 characters)", "é".repeat(200)));
        assert_eq!(around("a foo b", "foo", &none), "`a foo b`");
        let long = format!("{}foo{}", "ä".repeat(60), "ö".repeat(60));
        assert_eq!(around(&long, "foo", &none), format!("`…{}foo{}…`", "ä".repeat(50), "ö".repeat(50)));
    }

    #[test]
    fn times_are_told_in_their_unit() {
        for (millis, told) in [(0, "0 ms"), (999, "999 ms"), (1000, "1 s"), (61_250, "61.25 s")] {
            assert_eq!(seconds(Duration::from_millis(millis)), told);
        }
    }
}
