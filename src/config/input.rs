//! One input value, from a file or as text, and why it may be refused.

use std::ops::Range;

use toml::{Spanned, de::DeValue};

/// An input value: typed in a file; text from a variable or a flag, which may mean a number.
#[derive(Clone, Copy)]
pub(super) enum Input<'i> {
    Text(&'i str),
    Toml(&'i Spanned<DeValue<'i>>),
}

/// Why a value is refused.
#[derive(Debug)]
pub(super) struct Wrong {
    pub what: String,
    pub remedy: String,
    /// The span of the wrong part, where it is not the whole value.
    pub span: Option<Range<usize>>,
}

impl Wrong {
    pub fn new(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { what: what.into(), remedy: remedy.into(), span: None }
    }

    /// `"x" is not a duration`, or `expected a duration, found an integer`.
    pub fn not(input: Input<'_>, noun: &str, remedy: impl Into<String>) -> Self {
        match input.text() {
            Some(text) => Self::new(format!("{text:?} is not {noun}"), remedy),
            None => Self::expected(input, noun, remedy),
        }
    }

    /// Says nothing about the value but its type: for secrets too.
    pub fn expected(input: Input<'_>, noun: &str, remedy: impl Into<String>) -> Self {
        Self::new(format!("expected {noun}, found {}", input.kind()), remedy)
    }
}

impl<'i> Input<'i> {
    pub fn text(self) -> Option<&'i str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Toml(value) => value.get_ref().as_str(),
        }
    }

    /// The value as an integer; `None` also where it does not fit into an `i64`.
    pub fn integer(self) -> Option<i64> {
        match self {
            Self::Text(text) => text.trim().parse().ok(),
            Self::Toml(value) => {
                let integer = value.get_ref().as_integer()?;
                i64::from_str_radix(integer.as_str(), integer.radix()).ok()
            }
        }
    }

    pub fn number(self) -> Option<f64> {
        match self {
            Self::Text(text) => text.trim().parse().ok(),
            Self::Toml(value) => match value.get_ref() {
                DeValue::Float(float) => float.as_str().parse().ok(),
                _ => self.integer().map(|integer| integer as f64),
            },
        }
    }

    pub fn boolean(self) -> Option<bool> {
        match self {
            Self::Text(text) => text.trim().parse().ok(),
            Self::Toml(value) => value.get_ref().as_bool(),
        }
    }

    /// The items of a list; text has commas between them.
    pub fn items(self) -> Option<Vec<Input<'i>>> {
        match self {
            Self::Text(text) => {
                Some(text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(Input::Text).collect())
            }
            Self::Toml(value) => value.get_ref().as_array().map(|items| items.iter().map(Input::Toml).collect()),
        }
    }

    pub fn span(self) -> Option<Range<usize>> {
        match self {
            Self::Text(_) => None,
            Self::Toml(value) => Some(value.span()),
        }
    }

    pub fn kind(self) -> &'static str {
        match self {
            Self::Text(_) => "text",
            Self::Toml(value) => match value.get_ref() {
                DeValue::String(_) => "a string",
                DeValue::Integer(_) => "an integer",
                DeValue::Float(_) => "a number with a fraction",
                DeValue::Boolean(_) => "a boolean",
                DeValue::Datetime(_) => "a date",
                DeValue::Array(_) => "a list",
                DeValue::Table(_) => "a table",
            },
        }
    }
}
