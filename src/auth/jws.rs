//! Signed tokens in the JWS compact serialization (RFC 7515 §3.1): HMAC-SHA-256, by `jsonwebtoken`. Parsing is strict,
//! since an attacker can use whatever a parser skips: unknown header parameters are rejected, `crit` and `b64`
//! (RFC 7797) among them, and so are duplicate members.

use std::{collections::HashSet, fmt};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{DeserializeOwned, Error, IgnoredAny, MapAccess, Visitor},
};

use super::signing_keys::Key;

const ALGORITHM: &str = "HS256";
const TYPE: &str = "JWT";

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    alg: String,
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    typ: Option<String>,
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    kid: Option<String>,
}

/// Signs claims with a key, which the header names.
pub(super) fn sign(key: &Key, claims: &impl Serialize) -> String {
    let header = Header { alg: ALGORITHM.into(), typ: Some(TYPE.into()), kid: Some(key.id.clone()) };
    let input = format!("{}.{}", encode(&header), encode(claims));
    let signature = key.sign(input.as_bytes());
    format!("{input}.{signature}")
}

/// Verifies a token and returns its claims. `key_of` looks up a key by its id, or the key for tokens without an id.
pub(super) fn verify<'k, C: DeserializeOwned>(
    token: &str,
    key_of: impl FnOnce(Option<&str>) -> Option<&'k Key>,
) -> Option<C> {
    let (input, signature) = token.rsplit_once('.')?;
    let (header, claims) = input.split_once('.')?;
    let header: Header = object(&URL_SAFE_NO_PAD.decode(header).ok()?)?;
    let is_ours = header.alg == ALGORITHM && header.typ.is_none_or(|typ| typ.eq_ignore_ascii_case(TYPE));
    let key = key_of(header.kid.as_deref()).filter(|_| is_ours)?;
    if !key.has_signed(input.as_bytes(), signature) {
        return None;
    }
    object(&URL_SAFE_NO_PAD.decode(claims).ok()?)
}

/// Deserializes a member that may be missing, but not `null`.
pub(super) fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<Option<T>, D::Error> {
    T::deserialize(from).map(Some)
}

fn encode(part: &impl Serialize) -> String {
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(part).expect("it is plain data"))
}

fn object<T: DeserializeOwned>(json: &[u8]) -> Option<T> {
    serde_json::from_slice::<UniqueMembers>(json).ok()?;
    serde_json::from_slice(json).ok()
}

/// A JSON object without duplicate members (RFC 7519 §4); the values are ignored.
struct UniqueMembers;

impl<'de> Deserialize<'de> for UniqueMembers {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_map(Self)
    }
}

impl<'de> Visitor<'de> for UniqueMembers {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self, A::Error> {
        let mut seen = HashSet::new();
        while let Some((name, _)) = members.next_entry::<String, IgnoredAny>()? {
            if !seen.insert(name) {
                return Err(A::Error::custom("a member stands twice"));
            }
        }
        Ok(self)
    }
}
