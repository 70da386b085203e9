//! Keyset pagination instead of offsets: a page stays right while rows come and go.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Invalid;

/// One page of a list, and where the next begins.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct Page<T> {
    pub items: Vec<T>,
    pub next_cursor: Option<String>,
}

impl<T> Page<T> {
    /// A page from up to `limit` + 1 rows; `cursor` names the position after a row.
    pub fn of(mut rows: Vec<T>, limit: u32, cursor: impl Fn(&T) -> Cursor) -> Self {
        let more = rows.len() > limit as usize;
        rows.truncate(limit as usize);
        let next_cursor = rows.last().filter(|_| more).map(|last| cursor(last).encode());
        Self { items: rows, next_cursor }
    }

    /// The same page with each row turned into something else.
    pub fn map<U>(self, with: impl FnMut(T) -> U) -> Page<U> {
        Page { items: self.items.into_iter().map(with).collect(), next_cursor: self.next_cursor }
    }
}

/// A position in a list; opaque to clients.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
pub enum Cursor {
    Position { p: i64 },
    Name { n: String },
    Time { t: DateTime<Utc>, id: uuid::Uuid },
}

impl Cursor {
    /// More than any issued cursor.
    pub const MAX_CHARS: usize = 1024;

    fn encode(&self) -> String {
        URL_SAFE_NO_PAD.encode(serde_json::to_vec(self).expect("a cursor is plain JSON"))
    }

    /// Parses a cursor. Errors: the text is no issued one.
    pub fn decode(text: &str) -> Result<Self, Invalid> {
        let bytes =
            Some(text).filter(|text| text.len() <= Self::MAX_CHARS).and_then(|text| URL_SAFE_NO_PAD.decode(text).ok());
        bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()).ok_or_else(Self::foreign)
    }

    /// The error for a cursor of another list.
    pub fn foreign() -> Invalid {
        Invalid::new("cursor", "is not a cursor of this list; use `next_cursor` of the page before")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_round_trips_and_nothing_else_decodes() {
        for cursor in [
            Cursor::Position { p: 7 },
            Cursor::Name { n: "ada".into() },
            Cursor::Time { t: crate::clock::now(), id: uuid::Uuid::now_v7() },
        ] {
            assert_eq!(Cursor::decode(&cursor.encode()), Ok(cursor));
        }
        for bad in ["", "x", "!!!", "e30", "bnVsbA"] {
            assert!(Cursor::decode(bad).is_err(), "{bad}");
        }
    }
}
