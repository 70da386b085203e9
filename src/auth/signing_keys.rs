//! The secrets that access tokens are signed with. One signs; older ones are still believed while tokens made with them
//! live, so that a secret can be changed without logging everybody out.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::Path,
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{DecodingKey, EncodingKey};
use sha2::{Digest, Sha256};

use crate::config::Secret;

/// Why there is no signing key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    #[error("the signing key file {path}: {error}")]
    File { path: String, error: io::Error },
    #[error("the signing key file {path} can be read by others; `chmod 600 {path}`")]
    Exposed { path: String },
    #[error("the signing key file {path} holds fewer than 32 bytes; remove it to have a new one made (all logins end)")]
    Weak { path: String },
    #[error("the file {path} holds no key that mcpchat has made; name another, and it will be made")]
    Foreign { path: String },
}

/// A named key: `kid` in a token's header.
pub(super) struct Key {
    pub id: String,
    pub encoding: EncodingKey,
    pub decoding: DecodingKey,
}

/// The key that signs, and those that are still believed.
pub struct SigningKeys {
    pub(super) current: Key,
    pub(super) previous: Vec<Key>,
}

impl SigningKeys {
    pub fn new(current: &Secret, previous: &[Secret]) -> Self {
        Self { current: Key::from(current), previous: previous.iter().map(Key::from).collect() }
    }

    /// The secret kept in a file of mode 0600; made if there is none.
    pub fn kept_in(path: &Path) -> Result<Secret, KeyError> {
        let told = |error| KeyError::File { path: path.display().to_string(), error };
        let fresh = Secret::new(URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>()));
        match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
            Ok(mut file) => {
                file.write_all(fresh.expose().as_bytes()).and_then(|()| file.sync_all()).map_err(told)?;
                Ok(fresh)
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => existing(path),
            Err(error) => Err(told(error)),
        }
    }

    pub(super) fn by_id(&self, id: &str) -> Option<&Key> {
        std::iter::once(&self.current).chain(&self.previous).find(|key| key.id == id)
    }
}

fn existing(path: &Path) -> Result<Secret, KeyError> {
    let told = |error| KeyError::File { path: path.display().to_string(), error };
    if fs::metadata(path).map_err(told)?.permissions().mode() & 0o077 != 0 {
        return Err(KeyError::Exposed { path: path.display().to_string() });
    }
    let text = fs::read_to_string(path).map_err(told)?;
    let text = text.trim();
    if text.len() < 32 {
        return Err(KeyError::Weak { path: path.display().to_string() });
    }
    Ok(Secret::new(text))
}

impl From<&Secret> for Key {
    fn from(secret: &Secret) -> Self {
        let bytes = secret.expose().as_bytes();
        let digest = Sha256::new().chain_update("mcpchat kid ").chain_update(bytes).finalize();
        Self {
            id: URL_SAFE_NO_PAD.encode(&digest[..6]),
            encoding: EncodingKey::from_secret(bytes),
            decoding: DecodingKey::from_secret(bytes),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_once_and_kept_private() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let first = SigningKeys::kept_in(&path).unwrap();
        assert!(first.expose().len() >= 32);
        assert_eq!(first, SigningKeys::kept_in(&path).unwrap());
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(SigningKeys::kept_in(&path), Err(KeyError::Exposed { .. })));
    }
}
