//! Text that every database can store.

use std::borrow::Cow;

/// Replaces NUL, which PostgreSQL cannot store; no stored text has one, so that a search for one finds nothing.
pub(super) fn storable(text: &str) -> Cow<'_, str> {
    if text.contains('\0') { Cow::Owned(text.replace('\0', "\u{fffd}")) } else { Cow::Borrowed(text) }
}
