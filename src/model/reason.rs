//! The reason of an administrative action, as the audit log keeps it.

use std::str::FromStr;

use serde::Deserialize;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{RefOr, schema::Schema},
};

use super::{Invalid, described};

/// A reason: 1 to 500 characters, not blank.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Reason(String);

impl Reason {
    const MAX_CHARS: usize = 500;

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Reason {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        if text.trim().is_empty() || text.chars().count() > Self::MAX_CHARS || text.contains('\0') {
            return Err(Invalid::new("reason", "must be 1 to 500 characters that say something"));
        }
        Ok(Self(text.to_owned()))
    }
}

impl TryFrom<String> for Reason {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        text.parse()
    }
}

impl PartialSchema for Reason {
    fn schema() -> RefOr<Schema> {
        described::text(Self::MAX_CHARS, described::SAYS_SOMETHING, "Why; kept in the audit log.")
    }
}

impl ToSchema for Reason {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_says_something_in_few_words() {
        for good in ["ticket 4711", " é ", &"é".repeat(500)] {
            assert!(good.parse::<Reason>().is_ok(), "{good}");
        }
        for bad in ["", " \n\t", "a\0b", &"x".repeat(501)] {
            assert!(bad.parse::<Reason>().is_err(), "{bad}");
        }
    }
}
