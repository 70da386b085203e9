//! Access tokens: JWTs (RFC 7519) signed with HS256, and with nothing else (RFC 8725 §3.1). A token says who and which
//! session; it never says the role.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use jsonwebtoken::{Algorithm, Header, Validation, decode, decode_header, encode, errors::ErrorKind};
use serde::{Deserialize, Serialize};

use super::{SigningKeys, believed::Believed, signing_keys::Key};
use crate::{
    clock,
    model::{SessionId, UserId},
};

const ISSUER: &str = "mcpchat";
const AUDIENCE: &str = "mcpchat";

/// What a token says.
#[derive(Debug, Serialize, Deserialize)]
pub struct Claims {
    pub iss: String,
    pub aud: String,
    pub sub: UserId,
    pub sid: SessionId,
    pub iat: i64,
    pub exp: i64,
    /// The account's epoch when the token was made; a token of an older epoch is dead.
    pub epoch: i64,
}

/// Why a token is not believed.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    #[error("the access token has expired; refresh it")]
    Expired,
    #[error("the access token is not valid; log in again")]
    Invalid,
}

/// Makes and reads access tokens.
pub struct AccessTokens {
    keys: SigningKeys,
    ttl: Duration,
    validation: Validation,
    believed: Believed,
}

impl AccessTokens {
    pub fn new(keys: SigningKeys, ttl: Duration) -> Self {
        let mut validation = Validation::new(Algorithm::HS256);
        validation.leeway = 0;
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&[AUDIENCE]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        Self { keys, ttl, validation, believed: Believed::default() }
    }

    pub fn ttl(&self) -> Duration {
        self.ttl
    }

    pub fn issue(&self, user: UserId, session: SessionId, epoch: i64, now: DateTime<Utc>) -> String {
        let iat = now.timestamp();
        let exp = iat + i64::try_from(self.ttl.as_secs()).unwrap_or(i64::MAX / 2);
        let claims = Claims { iss: ISSUER.into(), aud: AUDIENCE.into(), sub: user, sid: session, iat, exp, epoch };
        let key = &self.keys.current;
        let header = Header { kid: Some(key.id.clone()), ..Header::new(Algorithm::HS256) };
        encode(&header, &claims, &key.encoding).expect("HS256 signs any claims")
    }

    /// Checks signature, algorithm, issuer, audience and expiry.
    pub fn read(&self, token: &str) -> Result<Arc<Claims>, TokenError> {
        self.read_at(clock::now().timestamp(), token)
    }

    fn read_at(&self, now: i64, token: &str) -> Result<Arc<Claims>, TokenError> {
        let claims = match self.believed.find(token) {
            Some(claims) => claims,
            None => self.believed.keep(token, self.check(token)?),
        };
        if claims.exp < now { Err(TokenError::Expired) } else { Ok(claims) }
    }

    fn check(&self, token: &str) -> Result<Claims, TokenError> {
        let Key { decoding, .. } = self.key_of(token)?;
        decode::<Claims>(token, decoding, &self.validation).map(|token| token.claims).map_err(|error| {
            match error.kind() {
                ErrorKind::ExpiredSignature => TokenError::Expired,
                _ => TokenError::Invalid,
            }
        })
    }

    /// Without a `kid` it can only be the current key.
    fn key_of(&self, token: &str) -> Result<&Key, TokenError> {
        match decode_header(token).map_err(|_| TokenError::Invalid)?.kid {
            Some(id) => self.keys.by_id(&id).ok_or(TokenError::Invalid),
            None => Ok(&self.keys.current),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Secret;

    const SECRET: &str = "0123456789abcdef0123456789abcdef";

    fn tokens(current: &str, previous: &[&str]) -> AccessTokens {
        let previous: Vec<_> = previous.iter().map(|secret| Secret::new(*secret)).collect();
        AccessTokens::new(SigningKeys::new(&Secret::new(current), &previous), Duration::from_secs(60))
    }

    fn issue(tokens: &AccessTokens) -> String {
        tokens.issue(UserId::new(), SessionId::new(), 0, clock::now())
    }

    #[test]
    fn a_token_is_believed_by_its_own_key_and_by_a_successor_that_knows_it() {
        let token = issue(&tokens(SECRET, &[]));
        assert!(tokens(SECRET, &[]).read(&token).is_ok());
        assert!(tokens("another secret of at least 32 bytes", &[SECRET]).read(&token).is_ok());
        assert_eq!(tokens("another secret of at least 32 bytes", &[]).read(&token).unwrap_err(), TokenError::Invalid);
    }

    #[test]
    fn no_changed_byte_is_believed() {
        let tokens = tokens(SECRET, &[]);
        let token = issue(&tokens);
        for place in 0..token.len() {
            let mut bytes = token.clone().into_bytes();
            bytes[place] = if bytes[place] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(bytes).unwrap();
            // The last character of base64 has bits that mean nothing, but a strict decoder refuses those too.
            assert!(tokens.read(&changed).is_err(), "byte {place}");
        }
    }

    #[test]
    fn a_token_that_was_believed_expires_all_the_same() {
        let tokens = tokens(SECRET, &[]);
        let token = issue(&tokens);
        let end = tokens.read(&token).unwrap().exp;
        assert!(tokens.read_at(end, &token).is_ok());
        assert_eq!(tokens.read_at(end + 1, &token).unwrap_err(), TokenError::Expired);
    }

    #[test]
    fn expired_unsigned_and_foreign_tokens_are_refused() {
        let tokens = tokens(SECRET, &[]);
        let old = clock::now() - chrono::TimeDelta::seconds(61);
        let expired = tokens.issue(UserId::new(), SessionId::new(), 0, old);
        assert_eq!(tokens.read(&expired).unwrap_err(), TokenError::Expired);
        let forged = |header: Header, aud: &str| {
            let claims = Claims {
                iss: ISSUER.into(),
                aud: aud.into(),
                sub: UserId::new(),
                sid: SessionId::new(),
                iat: 0,
                exp: i64::MAX / 2,
                epoch: 0,
            };
            encode(&header, &claims, &jsonwebtoken::EncodingKey::from_secret(SECRET.as_bytes())).unwrap()
        };
        assert!(tokens.read(&forged(Header::new(Algorithm::HS256), AUDIENCE)).is_ok(), "the forger's tool works");
        assert!(tokens.read(&forged(Header::new(Algorithm::HS384), AUDIENCE)).is_err());
        assert!(tokens.read(&forged(Header::new(Algorithm::HS256), "other")).is_err());
        let unsigned = format!("eyJhbGciOiJub25lIn0.{}.", issue(&tokens).split('.').nth(1).unwrap());
        assert!(tokens.read(&unsigned).is_err());
        for garbage in ["", ".", "..", "a.b.c", "Bearer"] {
            assert!(tokens.read(garbage).is_err());
        }
    }
}
