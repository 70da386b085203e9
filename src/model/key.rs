//! API keys as their owners see them, and the parsed fields of a request for one.

use std::{fmt, str::FromStr};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{RefOr, schema::Schema},
};

use super::{Invalid, KeyId, described, words::words};

words! {
    /// What a key may do for its owner. None includes another.
    Scope {
        /// Send, cancel and edit.
        Chat = "chat",
        /// Look at what is the owner's.
        Read = "read",
        /// Administer, as far as the owner's role goes.
        Admin = "admin",
    }
}

/// The key object of the API. Its secret is not part of it.
#[derive(Clone, Debug, Serialize, Deserialize, sqlx::FromRow, ToSchema)]
pub struct ApiKey {
    pub id: KeyId,
    pub name: String,
    /// `mck_<public id>`: how the key begins.
    pub prefix: String,
    #[sqlx(json)]
    pub scopes: Scopes,
    pub created_at: DateTime<Utc>,
    pub expires_at: Option<DateTime<Utc>>,
    pub last_used_at: Option<DateTime<Utc>>,
    pub revoked_at: Option<DateTime<Utc>>,
}

/// At least one scope, each once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "Vec<Scope>")]
pub struct Scopes(Vec<Scope>);

impl Scopes {
    pub fn contains(&self, scope: Scope) -> bool {
        self.0.contains(&scope)
    }
}

impl TryFrom<Vec<Scope>> for Scopes {
    type Error = Invalid;

    fn try_from(given: Vec<Scope>) -> Result<Self, Invalid> {
        let scopes: Vec<Scope> = Scope::ALL.iter().copied().filter(|scope| given.contains(scope)).collect();
        if scopes.is_empty() {
            return Err(Invalid::new("scopes", "must be at least one of chat, read, admin"));
        }
        Ok(Self(scopes))
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<&str> = self.0.iter().map(|scope| scope.as_str()).collect();
        f.write_str(&words.join(", "))
    }
}

/// The owner's name for a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyName(String);

impl KeyName {
    const MAX_CHARS: usize = 64;

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for KeyName {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let chars = text.chars().count();
        if text.trim().is_empty() || chars > Self::MAX_CHARS || text.chars().any(char::is_control) {
            return Err(Invalid::new("name", "must be 1 to 64 characters without control characters"));
        }
        Ok(Self(text.to_owned()))
    }
}

impl PartialSchema for KeyName {
    fn schema() -> RefOr<Schema> {
        described::text(Self::MAX_CHARS, described::PRINTS, "1 to 64 characters, none of them a control character.")
    }
}

impl ToSchema for KeyName {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_a_set_that_is_not_empty() {
        let scopes = |json: &str| serde_json::from_str::<Scopes>(json);
        assert_eq!(scopes(r#"["read","chat","read"]"#).unwrap(), Scopes(vec![Scope::Chat, Scope::Read]));
        assert!(scopes("[]").is_err() && scopes(r#"["root"]"#).is_err());
    }

    #[test]
    fn names_of_keys_are_short_and_printable() {
        assert!("nightly build ✓".parse::<KeyName>().is_ok() && "é".repeat(64).parse::<KeyName>().is_ok());
        for bad in ["", "  ", "a\nb", "a\0", "\u{1b}[2J", &"x".repeat(65)] {
            assert!(bad.parse::<KeyName>().is_err(), "{bad}");
        }
    }
}
