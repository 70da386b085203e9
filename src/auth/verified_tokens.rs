//! Access tokens that were found good lately. A client sends the same one with every request; what it says does not
//! change, nor do the keys of a process, so that only its expiry has to be looked at again.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use super::access_token::Claims;

/// So many take some 2 MiB. They are forgotten together when there would be more, which costs less than order among them.
const MAX_TOKENS: usize = 4096;

/// By the whole token: a part of it, or a short hash, somebody could make another token fit.
#[derive(Default)]
pub(super) struct VerifiedTokens(Mutex<HashMap<Box<str>, Arc<Claims>>>);

impl VerifiedTokens {
    pub(super) fn find(&self, token: &str) -> Option<Arc<Claims>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(token).cloned()
    }

    pub(super) fn keep(&self, token: &str, claims: Claims) -> Arc<Claims> {
        let claims = Arc::new(claims);
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MAX_TOKENS {
            known.clear();
        }
        known.insert(token.into(), Arc::clone(&claims));
        claims
    }
}
