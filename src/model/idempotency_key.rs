//! Idempotency key: the client's name for a request (draft-ietf-httpapi-idempotency-key-header).

use std::str::FromStr;

use super::Invalid;

const MAX_CHARS: usize = 255;

/// 1 to 255 printable ASCII characters, the first and the last of them no space: what a header carries unchanged.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for IdempotencyKey {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let prints = text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
        if prints && (1..=MAX_CHARS).contains(&text.len()) && text.trim() == text {
            return Ok(Self(text.to_owned()));
        }
        Err(Invalid::new(
            "idempotency_key",
            "must be 1 to 255 printable ASCII characters that neither begin nor end with a space",
        ))
    }
}
