//! Signing keys of access tokens. One signs; previous ones verify while tokens made with them live, so that a secret
//! can be rotated without ending all logins. Other keys are derived from each, one per purpose.

#![expect(clippy::disallowed_methods, reason = "a key is random")]

use std::{fs, io, path::Path};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, crypto};
use sha2::{Digest, Sha256};

use super::jwt_crypto;
use crate::{config::Secret, private_file};

/// Why there is no signing key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    #[error("the signing key file {path}: {error}")]
    File { path: String, error: io::Error },
    #[error("the signing key file {path} can be read or changed by others; `chmod 600 {path}`")]
    Exposed { path: String },
    #[error("the signing key file {path} holds fewer than 32 bytes; remove it to have a new one made (all logins end)")]
    Weak { path: String },
    #[error("the file {path} holds no key that mcpchat has made; name another, and it will be made")]
    Foreign { path: String },
}

/// A named key: `kid` in a token's header.
pub(super) struct Key {
    pub id: String,
    signs: EncodingKey,
    checks: DecodingKey,
    successors: Hmac<Sha256>,
    addresses: Hmac<Sha256>,
}

/// The current key, which signs, and the previous ones, which only verify.
pub struct SigningKeys {
    pub(super) current: Key,
    pub(super) previous: Vec<Key>,
}

impl SigningKeys {
    pub fn new(current: &Secret, previous: &[Secret]) -> Self {
        Self { current: Key::from(current), previous: previous.iter().map(Key::from).collect() }
    }

    /// Reads the secret from a file of mode 0600; creates it if there is none.
    pub fn load_or_create(path: &Path) -> Result<Secret, KeyError> {
        let told = |error| KeyError::File { path: path.display().to_string(), error };
        let fresh = Secret::new(URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>()));
        if path.exists() {
            return existing(path);
        }
        let is_new = private_file::create_whole(path, fresh.expose().as_bytes()).map_err(told)?;
        if is_new { Ok(fresh) } else { existing(path) }
    }

    /// The stored hashes of an address: by the current key and by the previous ones.
    pub fn address_hashes(&self, address: &str) -> Vec<Vec<u8>> {
        self.all().map(|key| key.addresses.clone().chain_update(address).finalize().into_bytes().to_vec()).collect()
    }

    pub(super) fn by_id(&self, id: &str) -> Option<&Key> {
        self.all().find(|key| key.id == id)
    }

    /// All keys, the current one first.
    pub(super) fn all(&self) -> impl Iterator<Item = &Key> {
        std::iter::once(&self.current).chain(&self.previous)
    }
}

fn existing(path: &Path) -> Result<Secret, KeyError> {
    let told = |error| KeyError::File { path: path.display().to_string(), error };
    if private_file::exposed_mode(path).is_some() {
        return Err(KeyError::Exposed { path: path.display().to_string() });
    }
    let text = fs::read_to_string(path).map_err(told)?;
    let text = text.trim();
    if text.len() < 32 {
        return Err(KeyError::Weak { path: path.display().to_string() });
    }
    Ok(Secret::new(text))
}

impl Key {
    /// Signs an access token, in base64url.
    pub(super) fn sign(&self, message: &[u8]) -> String {
        crypto::sign(message, &self.signs, Algorithm::HS256).expect("HMAC signs whatever it is given")
    }

    pub(super) fn has_signed(&self, message: &[u8], signature: &str) -> bool {
        crypto::verify(signature, message, &self.checks, Algorithm::HS256).unwrap_or(false)
    }

    /// 256 bits derived from a refresh token, which only a holder of the key can compute.
    pub(super) fn successor(&self, token: &str) -> [u8; 32] {
        self.successors.clone().chain_update(token).finalize().into_bytes().into()
    }
}

impl From<&Secret> for Key {
    fn from(secret: &Secret) -> Self {
        let bytes = secret.expose().as_bytes();
        let digest = Sha256::new().chain_update("mcpchat kid ").chain_update(bytes).finalize();
        let tokens = mac(bytes);
        let derived = |purpose: &str| mac(&tokens.clone().chain_update(purpose).finalize().into_bytes());
        // These keys equal no access token's signature: no signing input of one has a space in it.
        let successors = derived("mcpchat refresh tokens");
        let addresses = derived("mcpchat login addresses");
        jwt_crypto::install();
        let (signs, checks) = (EncodingKey::from_secret(bytes), DecodingKey::from_secret(bytes));
        Self { id: URL_SAFE_NO_PAD.encode(&digest[..6]), signs, checks, successors, addresses }
    }
}

fn mac(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("HMAC takes keys of every length")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_key_is_made_once_and_kept_private() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let first = SigningKeys::load_or_create(&path).unwrap();
        assert!(first.expose().len() >= 32);
        assert_eq!(first, SigningKeys::load_or_create(&path).unwrap());
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(SigningKeys::load_or_create(&path), Err(KeyError::Exposed { .. })));
    }
}
