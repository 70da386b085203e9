//! Access tokens taken apart, to be put together wrongly. Signed as RFC 7515 has it, by no code of the service's.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD as URL};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Sha256, Sha512};

use super::{JWT_SECRET, Value};

/// The header and the claims of a token, as text: what is no proper JSON can be signed too.
#[derive(Clone)]
pub struct Jwt {
    pub header: String,
    pub claims: String,
}

impl Jwt {
    pub fn of(token: &str) -> Self {
        let mut parts =
            token.split('.').map(|part| String::from_utf8(URL.decode(part).unwrap_or_default()).unwrap_or_default());
        Self { header: parts.next().unwrap(), claims: parts.next().unwrap() }
    }

    pub fn header(&self) -> Value {
        serde_json::from_str(&self.header).unwrap()
    }

    pub fn claims(&self) -> Value {
        serde_json::from_str(&self.claims).unwrap()
    }

    /// With another value of a claim, or one more.
    pub fn with(&self, claim: &str, value: Value) -> Self {
        let mut claims = self.claims();
        claims[claim] = value;
        Self { claims: claims.to_string(), ..self.clone() }
    }

    /// With another value of a parameter of the header, or one more.
    pub fn with_header(&self, name: &str, value: Value) -> Self {
        let mut header = self.header();
        header[name] = value;
        Self { header: header.to_string(), ..self.clone() }
    }

    /// With this member before the others, which may be there once more.
    pub fn with_claim_before(&self, member: &str) -> Self {
        Self { claims: format!("{{{member},{}", &self.claims[1..]), ..self.clone() }
    }

    /// By the secret of every server of the tests.
    pub fn signed(&self) -> String {
        self.signed_with(JWT_SECRET)
    }

    pub fn signed_with(&self, secret: &str) -> String {
        let mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap().chain_update(self.input());
        format!("{}.{}", self.input(), URL.encode(mac.finalize().into_bytes()))
    }

    /// By HMAC-SHA-512, whatever the header says.
    pub fn signed_sha512(&self) -> String {
        let mac = Hmac::<Sha512>::new_from_slice(JWT_SECRET.as_bytes()).unwrap().chain_update(self.input());
        format!("{}.{}", self.input(), URL.encode(mac.finalize().into_bytes()))
    }

    pub fn unsigned(&self) -> String {
        format!("{}.", self.input())
    }

    fn input(&self) -> String {
        format!("{}.{}", URL.encode(&self.header), URL.encode(&self.claims))
    }
}

/// Seconds since 1970.
pub fn unix_now() -> u64 {
    std::time::UNIX_EPOCH.elapsed().unwrap().as_secs()
}
