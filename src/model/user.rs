//! User accounts as clients see them, and the parsed forms of user names and emails.

use std::str::FromStr;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        RefOr,
        schema::{Schema, SchemaFormat},
    },
};

use super::{Invalid, UserId, described, words::words};

words! {
    /// What an account may do. The role is read from the account at every request, never from a token.
    Role {
        User = "user",
        /// Reads the audit log, and nothing else of the administration.
        Auditor = "auditor",
        Admin = "admin",
    }
}

impl Role {
    /// Whether it may do more than another.
    pub fn is_above(self, other: Self) -> bool {
        self as u8 > other as u8
    }
}

/// The user object of the API.
#[derive(Clone, Debug, Serialize, Deserialize, sqlx::FromRow, ToSchema)]
pub struct User {
    pub id: UserId,
    pub username: String,
    pub email: Option<String>,
    pub role: Role,
    pub enabled: bool,
    pub created_at: DateTime<Utc>,
    pub last_login_at: Option<DateTime<Utc>>,
}

/// A user name: 1 to 64 characters, letters, digits, `.`, `_` and `-`, beginning with a letter or a digit.
/// Two names that differ only in case are the same name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserName(String);

impl UserName {
    pub const MAX_CHARS: usize = 64;

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The form that is compared and kept unique.
    pub fn folded(&self) -> String {
        self.0.to_lowercase()
    }
}

impl FromStr for UserName {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        let starts_well = text.chars().next().is_some_and(|c| c.is_ascii_alphanumeric());
        if starts_well && text.len() <= Self::MAX_CHARS && text.chars().all(allowed) {
            Ok(Self(text.to_owned()))
        } else {
            Err(Invalid::new(
                "username",
                "must be 1 to 64 letters, digits, `.`, `_` or `-`, beginning with a letter or a digit",
            ))
        }
    }
}

impl PartialSchema for UserName {
    fn schema() -> RefOr<Schema> {
        let says = "Letters, digits, `.`, `_` and `-`, beginning with a letter or a digit. Two names that differ only in \
                    case are the same name.";
        described::text(Self::MAX_CHARS, "^[A-Za-z0-9][A-Za-z0-9._-]*$", says)
    }
}

impl ToSchema for UserName {}

/// An email address, checked only for what would break its use as a second login name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Email(String);

impl Email {
    const MAX_CHARS: usize = 254;

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The form that is compared and kept unique.
    pub fn folded(&self) -> String {
        self.0.to_lowercase()
    }
}

impl FromStr for Email {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let shaped = text.split_once('@').is_some_and(|(local, domain)| {
            !local.is_empty() && domain.contains('.') && !domain.starts_with('.') && !domain.ends_with('.')
        });
        let clean = text.len() <= Self::MAX_CHARS
            && text.matches('@').count() == 1
            && text.chars().all(|c| c.is_ascii_graphic());
        if shaped && clean {
            Ok(Self(text.to_owned()))
        } else {
            Err(Invalid::new("email", "must be an address like `ada@example.org`, of at most 254 characters"))
        }
    }
}

impl PartialSchema for Email {
    fn schema() -> RefOr<Schema> {
        let pattern = r"^[!-?A-~]+@[!-\-/-?A-~][!-?A-~]*\.[!-?A-~]*[!-\-/-?A-~]$";
        let says = "An address, of which no two users have the same. Case makes no difference.";
        let format = SchemaFormat::Custom("email".into());
        described::bounded(5, Self::MAX_CHARS, says).pattern(Some(pattern)).format(Some(format)).into()
    }
}

impl ToSchema for Email {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_names_are_plain_words() {
        for good in ["a", "ada", "Ada.L-1_x", "0x"] {
            assert!(good.parse::<UserName>().is_ok(), "{good}");
        }
        for bad in ["", ".a", "-a", "a b", "a@b", "ä", "a\u{1b}[2J", &"a".repeat(65)] {
            assert!(bad.parse::<UserName>().is_err(), "{bad}");
        }
    }

    #[test]
    fn email_addresses_have_two_sides() {
        assert!("ada@example.org".parse::<Email>().is_ok());
        for bad in ["", "ada", "@example.org", "ada@", "a@b", "a@b@c.d", "a b@c.d", "a@.org", "a@org."] {
            assert!(bad.parse::<Email>().is_err(), "{bad}");
        }
    }
}
