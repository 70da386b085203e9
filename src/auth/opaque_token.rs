//! Refresh tokens: 256 bits that mean something only to the database, which keeps no more than their hash. A session's first
//! is random. Each later one follows from its predecessor and a key of the server's, so that all who trade in the same one
//! can be given the same successor, though nothing but hashes is stored.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};

use super::SigningKeys;
use crate::config::Secret;

const PREFIX: &str = "mcr_";

/// A refresh token and what is stored of it.
pub struct RefreshToken {
    pub text: Secret,
    pub hash: Vec<u8>,
}

impl RefreshToken {
    pub fn generate() -> Self {
        Self::from_bits(rand::random())
    }

    /// What follows from it, by the key that signs now and by those before it.
    pub fn successors(&self, keys: &SigningKeys) -> Vec<Self> {
        keys.all().map(|key| Self::from_bits(key.successor(self.text.expose()))).collect()
    }

    fn from_bits(bits: [u8; 32]) -> Self {
        Self::of(&format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bits)))
    }

    /// The token of a text that a client sent. Any text has a hash; only ours are found.
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
