//! The key pair that signs checkpoints of the audit log: Ed25519 (RFC 8032). Keys and signatures are written in
//! hexadecimal, a key's id is the first 8 bytes of the SHA-256 of its public half.

use std::path::Path;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::signature::{ED25519, ED25519_PUBLIC_KEY_LEN, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use sha2::{Digest, Sha256};

use super::signing_keys::{KeyError, SigningKeys};

pub struct CheckpointKey(Ed25519KeyPair);

/// The public half of a checkpoint key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckpointPublicKey([u8; ED25519_PUBLIC_KEY_LEN]);

impl CheckpointKey {
    /// Reads the key from a file of mode 0600; creates it if there is none.
    pub fn load_or_create(path: &Path) -> Result<Self, KeyError> {
        let secret = SigningKeys::load_or_create(path)?;
        let seed = URL_SAFE_NO_PAD.decode(secret.expose()).unwrap_or_default();
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed);
        pair.map(Self).map_err(|_| KeyError::Foreign { path: path.display().to_string() })
    }

    pub fn public(&self) -> CheckpointPublicKey {
        let bytes = self.0.public_key().as_ref();
        CheckpointPublicKey(bytes.try_into().expect("ring's public keys have their length"))
    }

    pub fn sign(&self, message: &[u8]) -> String {
        hex::encode(self.0.sign(message))
    }
}

impl CheckpointPublicKey {
    pub fn parse(text: &str) -> Option<Self> {
        hex::decode(text.trim()).ok()?.try_into().ok().map(Self)
    }

    pub fn id(&self) -> String {
        hex::encode(&Sha256::digest(self.0)[..8])
    }

    pub fn has_signed(&self, message: &[u8], signature: &str) -> bool {
        let verified = |bytes: Vec<u8>| UnparsedPublicKey::new(&ED25519, self.0).verify(message, &bytes).is_ok();
        hex::decode(signature).is_ok_and(verified)
    }
}

impl std::fmt::Display for CheckpointPublicKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_good_for_its_message_and_key_only() {
        let folder = tempfile::tempdir().unwrap();
        let [key, other] = ["a", "b"].map(|name| CheckpointKey::load_or_create(&folder.path().join(name)).unwrap());
        let signature = key.sign(b"message");
        let public = CheckpointPublicKey::parse(&key.public().to_string()).unwrap();
        assert!(public.has_signed(b"message", &signature));
        assert!(!public.has_signed(b"massage", &signature));
        assert!(!other.public().has_signed(b"message", &signature));
        assert!(!public.has_signed(b"message", "zz"));
        assert_eq!(CheckpointKey::load_or_create(&folder.path().join("a")).unwrap().public(), public);
    }
}
