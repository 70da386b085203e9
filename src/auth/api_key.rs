//! API keys, `mck_<id>_<secret>`: the id looks the key up, the secret authenticates it. The database keeps only the
//! secret's SHA-256: with more than 160 random bits there is nothing that a slow hash would protect.

use rand::RngExt;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::config::Secret;

const PREFIX: &str = "mck_";
/// The alphabet: without look-alikes, and without `_`, so that a key parses in one way only.
const LETTERS: &[u8] = b"abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789";
/// 69 bits, against collisions.
const ID_CHARS: usize = 12;
/// 185 bits.
const SECRET_CHARS: usize = 32;

/// A parsed API key.
pub struct KeyToken {
    pub public_id: String,
    secret: Secret,
}

impl KeyToken {
    pub fn generate() -> Self {
        Self { public_id: letters(ID_CHARS), secret: Secret::new(letters(SECRET_CHARS)) }
    }

    /// Whether a bearer token has the prefix of an API key.
    pub fn has_prefix(token: &str) -> bool {
        token.starts_with(PREFIX)
    }

    /// Parses a key; `None` if it is malformed.
    pub fn parse(token: &str) -> Option<Self> {
        let (id, secret) = token.strip_prefix(PREFIX)?.split_once('_')?;
        let is_good = is_public_id(id) && secret.len() == SECRET_CHARS && secret.bytes().all(|c| LETTERS.contains(&c));
        is_good.then(|| Self { public_id: id.to_owned(), secret: Secret::new(secret) })
    }

    /// The public id of `mck_<id>`.
    pub fn public_id_of(prefix: &str) -> Option<&str> {
        prefix.strip_prefix(PREFIX).filter(|id| is_public_id(id))
    }

    /// The whole key, as given to its owner.
    pub fn text(&self) -> Secret {
        Secret::new(format!("{PREFIX}{}_{}", self.public_id, self.secret.expose()))
    }

    /// The SHA-256 of the secret, which is stored.
    pub fn hash(&self) -> Vec<u8> {
        Sha256::digest(self.secret.expose().as_bytes()).to_vec()
    }

    /// Compares in constant time.
    pub fn matches(&self, stored_hash: &[u8]) -> bool {
        self.hash().ct_eq(stored_hash).into()
    }
}

fn is_public_id(text: &str) -> bool {
    text.len() == ID_CHARS && text.bytes().all(|c| LETTERS.contains(&c))
}

fn letters(count: usize) -> String {
    let mut random = rand::rng();
    (0..count).map(|_| char::from(LETTERS[random.random_range(0..LETTERS.len())])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_taken_apart_as_it_was_put_together() {
        let key = KeyToken::generate();
        let text = key.text();
        let again = KeyToken::parse(text.expose()).unwrap();
        assert!(again.public_id == key.public_id && again.matches(&key.hash()));
        assert_eq!(KeyToken::public_id_of(&format!("mck_{}", key.public_id)), Some(key.public_id.as_str()));
        assert!(!KeyToken::generate().matches(&key.hash()) && !key.matches(&[]) && !key.matches(&key.hash()[1..]));
    }

    #[test]
    fn what_is_shaped_otherwise_is_no_key() {
        let (id, secret) = (letters(ID_CHARS), letters(SECRET_CHARS));
        assert!(KeyToken::parse(&format!("mck_{id}_{secret}")).is_some());
        for bad in [
            String::new(),
            "mck_".into(),
            "mck__".into(),
            format!("mck_{id}"),
            format!("mck_{id}_"),
            format!("mcr_{id}_{secret}"),
            format!("mck_{id}_{secret}x"),
            format!("mck_{id}x_{secret}"),
            format!("mck_{id}__{secret}"),
            format!("mck_{id}_{}_", &secret[1..]),
            format!("mck_{}_{secret}", "0".repeat(ID_CHARS)),
            format!("mck_{}_{secret}", "é".repeat(ID_CHARS / 2)),
        ] {
            assert!(KeyToken::parse(&bad).is_none(), "{bad}");
        }
    }
}
