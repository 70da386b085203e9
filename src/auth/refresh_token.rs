//! Refresh tokens: 256 opaque bits, of which the database keeps only the hash. A session's first is random. Each later
//! one is derived from its predecessor and a server key, so that all clients that present the same token can be given
//! the same successor, though only hashes are stored.

#![expect(clippy::disallowed_methods, reason = "a token is random")]

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};

use super::SigningKeys;
use crate::config::Secret;

const PREFIX: &str = "mcr_";

/// A refresh token and its stored hash.
pub struct RefreshToken {
    pub text: Secret,
    pub hash: Vec<u8>,
}

impl RefreshToken {
    pub fn generate() -> Self {
        Self::from_bits(rand::random())
    }

    /// Its successors: by the current key and by the previous ones.
    pub fn successors(&self, keys: &SigningKeys) -> Vec<Self> {
        keys.all().map(|key| Self::from_bits(key.successor(self.text.expose()))).collect()
    }

    fn from_bits(bits: [u8; 32]) -> Self {
        Self::of(&format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bits)))
    }

    /// The token of a client's text. Any text has a hash; only issued ones are found.
    pub fn of(text: &str) -> Self {
        Self { text: Secret::new(text), hash: Sha256::digest(text.as_bytes()).to_vec() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(current: &str, previous: &[&str]) -> SigningKeys {
        let previous: Vec<_> = previous.iter().map(|secret| Secret::new(*secret)).collect();
        SigningKeys::new(&Secret::new(current), &previous)
    }

    #[test]
    fn a_successor_follows_from_token_and_key() {
        let token = RefreshToken::generate();
        let next = |token: &RefreshToken, keys: &SigningKeys| token.successors(keys)[0].text.expose().to_owned();
        let (one, other) = (keys("one", &[]), keys("other", &["one"]));
        assert_eq!(next(&token, &one), next(&token, &one));
        assert_ne!(next(&token, &one), next(&token, &other));
        assert_ne!(next(&token, &one), next(&RefreshToken::generate(), &one));
        assert_eq!(token.successors(&other)[1].text.expose(), next(&token, &one), "of the key before it");
    }
}
