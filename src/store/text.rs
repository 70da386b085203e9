//! Text as every database takes it.

use std::borrow::Cow;

/// PostgreSQL has no NUL in a text; nothing that is stored has one, so that a search for one finds nothing.
pub(super) fn storable(text: &str) -> Cow<'_, str> {
    if text.contains('\0') { Cow::Owned(text.replace('\0', "\u{fffd}")) } else { Cow::Borrowed(text) }
}
