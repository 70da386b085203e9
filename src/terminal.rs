//! Terminal output: text that is safe to print, colour, and the width of the terminal.
//!
//! Names, titles and replies come from users and models. Printed raw, they could move the cursor, rewrite the screen,
//! set the clipboard or show a line back to front on the reader's terminal. Everything is decided per character, so a
//! text may be cleaned in the pieces in which it streams in.

use std::{borrow::Cow, fmt, os::fd::AsFd};

/// Every control character made visible, except line breaks and tabs: for text of several lines.
pub fn plain(text: &str) -> Cow<'_, str> {
    clean(text, |c| c != '\n' && c != '\t' && is_control(c))
}

/// Every control character made visible, line breaks and tabs too: for table cells and fields of a log line.
pub fn line(text: &str) -> Cow<'_, str> {
    clean(text, |c| !is_harmless(c))
}

/// Whether `line` leaves the character as it is.
pub fn is_harmless(c: char) -> bool {
    !(is_control(c) || matches!(c, '\u{2028}' | '\u{2029}'))
}

/// C0, DEL, C1, and the marks that reorder text (Unicode TR9; CVE-2021-42574 shows what they can hide).
fn is_control(c: char) -> bool {
    c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn clean(text: &str, harmful: impl Fn(char) -> bool) -> Cow<'_, str> {
    let Some(first) = text.find(&harmful) else { return Cow::Borrowed(text) };
    let mut out = String::with_capacity(text.len() + 16);
    out.push_str(&text[..first]);
    for c in text[first..].chars() {
        if harmful(c) { push_visible(&mut out, c) } else { out.push(c) }
    }
    Cow::Owned(out)
}

/// The control pictures of Unicode where there is one (`␛`), an escape in letters (`\u{202e}`) elsewhere.
fn push_visible(out: &mut String, c: char) {
    match c {
        '\0'..='\x1f' => out.extend(char::from_u32(0x2400 + u32::from(c))),
        '\x7f' => out.push('\u{2421}'),
        _ => out.extend(c.escape_unicode()),
    }
}

/// `--color`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Color {
    /// On a terminal, unless NO_COLOR is set
    #[default]
    Auto,
    Always,
    Never,
}

impl Color {
    /// Whether to colour. `no_color` is the variable `NO_COLOR`: any text in it but none turns colour off
    /// (no-color.org), which an explicit `--color always` overrules.
    pub fn applies(self, no_color: Option<&str>, is_terminal: bool) -> bool {
        match self {
            Self::Always => true,
            Self::Never => false,
            Self::Auto => is_terminal && no_color.is_none_or(str::is_empty),
        }
    }
}

/// The width of a terminal: from `COLUMNS`, or from the terminal itself. `None`: unknown.
pub fn columns(variable: Option<&str>, terminal: impl AsFd) -> Option<usize> {
    let told = variable.and_then(|columns| columns.parse().ok());
    let asked = || Some(usize::from(rustix::termios::tcgetwinsize(terminal).ok()?.ws_col));
    told.or_else(asked).filter(|columns| *columns > 0)
}

/// The few styles there are; all plain text where colour is off.
#[derive(Clone, Copy, Debug, Default)]
pub struct Styles {
    pub colored: bool,
}

impl Styles {
    pub fn dim<T: fmt::Display>(self, text: T) -> Styled<T> {
        self.style("2", text)
    }

    pub fn red<T: fmt::Display>(self, text: T) -> Styled<T> {
        self.style("31", text)
    }

    fn style<T>(self, code: &'static str, text: T) -> Styled<T> {
        Styled { code: self.colored.then_some(code), text }
    }
}

/// Text with a style around it.
pub struct Styled<T> {
    /// The SGR parameter; `None`: no colour.
    code: Option<&'static str>,
    text: T,
}

impl<T: fmt::Display> fmt::Display for Styled<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.code {
            Some(code) => write!(f, "\x1b[{code}m{}\x1b[0m", self.text),
            None => self.text.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn escape_sequences_are_shown_and_not_obeyed() {
        for (given, shown) in [
            ("a\x1b[2Jb", "a␛[2Jb"),
            ("\x1b]52;c;aGk=\x07", "␛]52;c;aGk=␇"),
            ("\u{9b}31m", "\\u{9b}31m"),
            ("50\r99", "50␍99"),
            ("x\x7f", "x␡"),
            ("nimda\u{202e}admin", "nimda\\u{202e}admin"),
            ("\u{2066}a\u{2069}", "\\u{2066}a\\u{2069}"),
        ] {
            assert_eq!(plain(given), shown);
            assert_eq!(line(given), shown);
        }
    }

    #[test]
    fn only_plain_keeps_line_breaks_and_tabs() {
        assert_eq!(plain("a\tb\nc"), "a\tb\nc");
        assert_eq!(line("a\tb\nc\u{2028}d"), "a␉b␊c\\u{2028}d");
    }

    #[test]
    fn harmless_text_is_not_copied() {
        assert!(matches!(plain("Grüße, 你好 👩‍👩‍👧\n"), Cow::Borrowed(_)));
        assert!(matches!(line("Grüße"), Cow::Borrowed(_)));
    }

    #[test]
    fn color_follows_flag_then_no_color_then_terminal() {
        for (color, no_color, is_terminal, expected) in [
            (Color::Auto, None, true, true),
            (Color::Auto, None, false, false),
            (Color::Auto, Some(""), true, true),
            (Color::Auto, Some("1"), true, false),
            (Color::Always, Some("1"), false, true),
            (Color::Never, None, true, false),
        ] {
            assert_eq!(color.applies(no_color, is_terminal), expected, "{color:?} {no_color:?} {is_terminal}");
        }
    }

    #[test]
    fn styles_leave_no_trace_without_color() {
        assert_eq!(Styles { colored: false }.red("no").to_string(), "no");
        assert_eq!(Styles { colored: true }.red("no").to_string(), "\x1b[31mno\x1b[0m");
    }

    proptest! {
        #[test]
        fn nothing_harmful_is_left(text in any::<String>()) {
            prop_assert!(!plain(&text).chars().any(|c| c != '\n' && c != '\t' && is_control(c)));
            prop_assert!(!line(&text).chars().any(is_control));
        }

        #[test]
        fn cleaning_twice_changes_nothing(text in any::<String>()) {
            let cleaned = plain(&text);
            prop_assert_eq!(plain(&cleaned), &*cleaned);
        }

        #[test]
        fn pieces_clean_to_the_same_as_the_whole(pieces in prop::collection::vec(any::<String>(), 0..5)) {
            let cleaned: String = pieces.iter().map(|piece| plain(piece).into_owned()).collect();
            prop_assert_eq!(cleaned, plain(&pieces.concat()).into_owned());
        }
    }
}
