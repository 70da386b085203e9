//! Access tokens: JWTs (RFC 7519) signed with HS256 only (RFC 8725 §3.1). A token names user and session, never the
//! role.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{SigningKeys, jws, verified_tokens::VerifiedTokens};
use crate::model::{SessionId, UserId};

const ISSUER: &str = "mcpchat";
const AUDIENCE: &str = "mcpchat";

/// The claims of an access token; unknown ones are ignored (RFC 7519 §4).
#[derive(Debug, Serialize, Deserialize)]
pub struct Claims {
    pub iss: String,
    pub aud: String,
    pub sub: UserId,
    pub sid: SessionId,
    pub iat: i64,
    pub exp: i64,
    /// Absent from our own tokens; checked all the same.
    #[serde(default, deserialize_with = "jws::present", skip_serializing_if = "Option::is_none")]
    pub nbf: Option<f64>,
    /// The account's epoch at issue; a token of an older epoch is revoked.
    pub epoch: i64,
}

/// Why a token is rejected.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    #[error("the access token has expired; refresh it")]
    Expired,
    #[error("the access token is not valid; log in again")]
    Invalid,
}

/// Issues and verifies access tokens. The caller passes the time, because replicas have to agree on it.
pub struct AccessTokens {
    keys: SigningKeys,
    ttl: Duration,
    verified: VerifiedTokens,
}

impl AccessTokens {
    pub fn new(keys: SigningKeys, ttl: Duration) -> Self {
        Self { keys, ttl, verified: VerifiedTokens::default() }
    }

    pub fn keys(&self) -> &SigningKeys {
        &self.keys
    }

    pub fn ttl(&self) -> Duration {
        self.ttl
    }

    /// Issues a token; the same arguments give the same one.
    pub fn issue(&self, user: UserId, session: SessionId, epoch: i64, now: DateTime<Utc>) -> String {
        let iat = now.timestamp();
        let exp = iat + i64::try_from(self.ttl.as_secs()).unwrap_or(i64::MAX / 2);
        let (iss, aud) = (ISSUER.into(), AUDIENCE.into());
        jws::sign(&self.keys.current, &Claims { iss, aud, sub: user, sid: session, iat, exp, nbf: None, epoch })
    }

    /// Checks signature, algorithm, issuer, audience and times.
    pub fn read(&self, token: &str, now: DateTime<Utc>) -> Result<Arc<Claims>, TokenError> {
        let claims = match self.verified.find(token) {
            Some(claims) => claims,
            None => self.verified.keep(token, self.check(token).ok_or(TokenError::Invalid)?),
        };
        let now = now.timestamp();
        match claims.nbf {
            Some(nbf) if nbf > now as f64 => Err(TokenError::Invalid),
            _ if claims.exp <= now => Err(TokenError::Expired),
            _ => Ok(claims),
        }
    }

    /// Verifies all but the times; without a `kid`, only with the current key.
    fn check(&self, token: &str) -> Option<Claims> {
        let key_of = |id: Option<&str>| id.map_or(Some(&self.keys.current), |id| self.keys.by_id(id));
        let claims: Claims = jws::verify(token, key_of)?;
        (claims.iss == ISSUER && claims.aud == AUDIENCE).then_some(claims)
    }
}

#[cfg(test)]
mod tests {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    use chrono::TimeDelta;

    use super::*;
    use crate::{clock, config::Secret};

    const SECRET: &str = "0123456789abcdef0123456789abcdef";

    fn tokens(current: &str, previous: &[&str]) -> AccessTokens {
        let previous: Vec<_> = previous.iter().map(|secret| Secret::new(*secret)).collect();
        AccessTokens::new(SigningKeys::new(&Secret::new(current), &previous), Duration::from_secs(60))
    }

    fn issue(tokens: &AccessTokens) -> String {
        tokens.issue(UserId::new(), SessionId::new(), 0, clock::now())
    }

    #[test]
    fn a_token_is_valid_under_its_current_or_previous_key() {
        let token = issue(&tokens(SECRET, &[]));
        assert!(tokens(SECRET, &[]).read(&token, clock::now()).is_ok());
        assert!(tokens("another secret of at least 32 bytes", &[SECRET]).read(&token, clock::now()).is_ok());
        assert_eq!(
            tokens("another secret of at least 32 bytes", &[]).read(&token, clock::now()).unwrap_err(),
            TokenError::Invalid
        );
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
            assert!(tokens.read(&changed, clock::now()).is_err(), "byte {place}");
        }
    }

    #[test]
    fn a_token_that_was_believed_expires_all_the_same() {
        let tokens = tokens(SECRET, &[]);
        let now = clock::now();
        let token = tokens.issue(UserId::new(), SessionId::new(), 0, now);
        assert!(tokens.read(&token, now + TimeDelta::seconds(59)).is_ok());
        assert_eq!(tokens.read(&token, now + TimeDelta::seconds(60)).unwrap_err(), TokenError::Expired);
    }

    /// A token with any header and claims, signed with our key.
    fn forged(tokens: &AccessTokens, header: &str, claims: &str) -> String {
        let input = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
        let signature = tokens.keys.current.sign(input.as_bytes());
        format!("{input}.{signature}")
    }

    #[test]
    fn only_what_is_ours_in_all_its_parts_is_believed() {
        let tokens = tokens(SECRET, &[]);
        let kid = tokens.keys.current.id.clone();
        let (sub, sid) = (UserId::new(), SessionId::new());
        let header = format!(r#"{{"typ":"JWT","alg":"HS256","kid":"{kid}"}}"#);
        let claims = format!(
            r#"{{"iss":"mcpchat","aud":"mcpchat","sub":"{sub}","sid":"{sid}","iat":1,"exp":99999999999,"epoch":0}}"#
        );
        let is_read = |header: &str, claims: &str| tokens.read(&forged(&tokens, header, claims), clock::now()).is_ok();
        assert!(is_read(&header, &claims), "the forger's tool works");
        let with = |json: &str, member: &str| format!("{{{member},{}", &json[1..]);
        for fine in [r#""nbf":1"#, r#""nbf":1.5"#, r#""jti":"x""#, r#""role":"admin""#] {
            assert!(is_read(&header, &with(&claims, fine)), "{fine}");
        }
        for wrong in [
            r#""nbf":99999999998"#,
            r#""nbf":"1""#,
            r#""nbf":null"#,
            r#""nbf":[1]"#,
            r#""exp":99999999999"#,
            r#""role":1,"role":2"#,
            r#""iss":"mcpchat""#,
        ] {
            assert!(!is_read(&header, &with(&claims, wrong)), "{wrong}");
        }
        for (from, to) in [
            (r#""aud":"mcpchat""#, r#""aud":["mcpchat"]"#),
            (r#""aud":"mcpchat""#, r#""aud":"other""#),
            (r#""iss":"mcpchat""#, r#""iss":"other""#),
            (r#""iat":1"#, r#""iat":"1""#),
            (r#""exp":99999999999"#, r#""exp":"99999999999""#),
            (r#""exp":99999999999"#, r#""exp":1"#),
            (r#""exp":99999999999"#, r#""exp":null"#),
            (r#""exp":99999999999"#, r#""x":1"#),
            (r#""epoch":0"#, r#""epoch":"0""#),
        ] {
            assert!(!is_read(&header, &claims.replace(from, to)), "{to}");
        }
        assert!(!is_read(&header, "[]") && !is_read(&header, &format!("{claims}{{}}")));
        for wrong in
            [r#""crit":["exp"]"#, r#""crit":[]"#, r#""b64":false"#, r#""b64":true"#, r#""x5c":[]"#, r#""alg":"HS256""#]
        {
            assert!(!is_read(&with(&header, wrong), &claims), "{wrong}");
        }
        for (from, to) in
            [("HS256", "HS512"), ("HS256", "none"), ("HS256", "hs256"), ("JWT", "at+jwt"), (kid.as_str(), "x")]
        {
            assert!(!is_read(&header.replace(from, to), &claims), "{to}");
        }
        assert!(!is_read(r#"{"alg":"HS256","kid":null}"#, &claims) && is_read(r#"{"alg":"HS256"}"#, &claims));
    }

    #[test]
    fn garbage_is_refused() {
        let tokens = tokens(SECRET, &[]);
        let unsigned = format!("eyJhbGciOiJub25lIn0.{}.", issue(&tokens).split('.').nth(1).unwrap());
        for garbage in ["", ".", "..", "...", "a.b.c", "Bearer", &unsigned, &format!("{}.", issue(&tokens))] {
            assert_eq!(tokens.read(garbage, clock::now()).unwrap_err(), TokenError::Invalid, "{garbage}");
        }
    }
}
