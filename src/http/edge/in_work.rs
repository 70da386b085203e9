//! How many requests may be worked on at once. Above that, requests are refused at once rather than queued: who waits in
//! a queue gives up before its turn comes, and asks again.
//!
//! A request is in work until its answer begins, or a turn runs for it: a turn waits for its provider and costs nothing
//! meanwhile, and turns have a bound of their own (`[server] max_running_turns`).

use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::FromRequestParts;
use hyper::http::request::Parts;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::http::{
    Shared,
    fault::{Fault, Result},
};

/// What operators need most when there is too much to do.
const ALWAYS: [&str; 3] = ["/livez", "/readyz", "/api/v1/admin/"];

#[derive(Clone)]
pub(in crate::http) struct Capacity(Arc<Semaphore>);

/// One request's share of the capacity.
#[derive(Clone)]
pub(in crate::http) struct InWork(Arc<Mutex<Option<OwnedSemaphorePermit>>>);

impl Capacity {
    pub(in crate::http) fn new(requests: usize) -> Self {
        Self(Arc::new(Semaphore::new(requests.min(Semaphore::MAX_PERMITS))))
    }

    /// `None`: there is no room for this request.
    pub(super) fn take(&self, route: &str) -> Option<InWork> {
        let permit = if ALWAYS.iter().any(|always| route.starts_with(always)) {
            None
        } else {
            Some(Arc::clone(&self.0).try_acquire_owned().ok()?)
        };
        Some(InWork(Arc::new(Mutex::new(permit))))
    }
}

impl InWork {
    /// What is left to do is to wait.
    pub(in crate::http) fn is_over(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

impl FromRequestParts<Shared> for InWork {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, _: &Shared) -> Result<Self> {
        Ok(parts.extensions.get::<Self>().cloned().expect("`edge` is around every route"))
    }
}
