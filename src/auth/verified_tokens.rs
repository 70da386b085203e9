//! Cache of verified access tokens. A client sends the same token with every request; its claims and the keys of a
//! process do not change, so that only the expiry has to be checked again.

use std::{collections::HashMap, sync::Arc};

use parking_lot::Mutex;

use super::access_token::Claims;

/// Some 2 MiB. A full cache is cleared at once, which costs less than an order of use.
const MAX_TOKENS: usize = 4096;

/// Keyed by the whole token: for a part of it, or a short hash, an attacker could make a second token.
#[derive(Default)]
pub(super) struct VerifiedTokens(Mutex<HashMap<Box<str>, Arc<Claims>>>);

impl VerifiedTokens {
    pub(super) fn find(&self, token: &str) -> Option<Arc<Claims>> {
        self.0.lock().get(token).cloned()
    }

    pub(super) fn keep(&self, token: &str, claims: Claims) -> Arc<Claims> {
        let claims = Arc::new(claims);
        let mut known = self.0.lock();
        if known.len() >= MAX_TOKENS {
            known.clear();
        }
        known.insert(token.into(), Arc::clone(&claims));
        claims
    }
}
