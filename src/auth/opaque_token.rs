//! Refresh tokens: 256 random bits that mean something only to the database, which keeps no more than their hash.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};

use crate::config::Secret;

const PREFIX: &str = "mcr_";

/// A refresh token and what is stored of it.
pub struct RefreshToken {
    pub text: Secret,
    pub hash: Vec<u8>,
}

impl RefreshToken {
    pub fn generate() -> Self {
        Self::of(&format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>())))
    }

    /// The token of a text that a client sent. Any text has a hash; only ours are found.
    pub fn of(text: &str) -> Self {
        Self { text: Secret::new(text), hash: Sha256::digest(text.as_bytes()).to_vec() }
    }
}
