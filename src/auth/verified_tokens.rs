//! Cache of verified access tokens. A client sends the same token with every request; its claims and the keys of a
//! process do not change, so that only the expiry has to be checked again.

use std::sync::Arc;

use moka::sync::Cache;

use super::access_token::Claims;

/// Some 2 MiB.
const MAX_TOKENS: u64 = 4096;

/// Keyed by the whole token: for a part of it, or a short hash, an attacker could make a second token.
pub(super) struct VerifiedTokens(Cache<Box<str>, Arc<Claims>>);

impl Default for VerifiedTokens {
    fn default() -> Self {
        Self(Cache::new(MAX_TOKENS))
    }
}

impl VerifiedTokens {
    pub(super) fn find(&self, token: &str) -> Option<Arc<Claims>> {
        self.0.get(token)
    }

    pub(super) fn keep(&self, token: &str, claims: Claims) -> Arc<Claims> {
        let claims = Arc::new(claims);
        self.0.insert(token.into(), Arc::clone(&claims));
        claims
    }
}
