//! Load shedding: a maximum of requests in work. Above it, requests are refused at once rather than queued: a client in
//! a queue gives up before it is served, and tries again.
//!
//! A request is in work until its response begins, or a turn runs for it: a turn waits for its provider and costs
//! nothing meanwhile, and turns have a bound of their own (`[server] max_running_turns`).

use std::sync::Arc;

use axum::extract::FromRequestParts;
use hyper::http::{Extensions, request::Parts};
use parking_lot::Mutex;
use prometheus::IntCounter;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{
    app,
    http::{
        Shared,
        problem::{ApiError, Result},
    },
};

/// Routes that are never shed: operators need them most under overload.
const ALWAYS: [&str; 3] = ["/livez", "/readyz", "/api/v1/admin/"];

#[derive(Clone)]
pub(in crate::http) struct Capacity {
    free: Arc<Semaphore>,
    shed: IntCounter,
}

/// One request's permit.
#[derive(Clone)]
pub(in crate::http) struct CapacityPermit {
    /// `None`: this request needs none.
    capacity: Option<Capacity>,
    share: Arc<Mutex<Option<OwnedSemaphorePermit>>>,
}

impl Capacity {
    /// Makes room for so many requests; those that are refused are counted.
    pub(in crate::http) fn new(requests: usize, shed: IntCounter) -> Self {
        Self { free: Arc::new(Semaphore::new(requests.min(Semaphore::MAX_PERMITS))), shed }
    }

    /// Takes a permit. Errors: none is free.
    pub(super) fn take(&self, route: &str) -> Result<CapacityPermit> {
        let is_needed = !ALWAYS.iter().any(|always| route.starts_with(always));
        let in_work = CapacityPermit { capacity: is_needed.then(|| self.clone()), share: Arc::default() };
        in_work.begin()?;
        Ok(in_work)
    }
}

impl CapacityPermit {
    pub(in crate::http) fn of(request: &Extensions) -> Self {
        request.get::<Self>().cloned().expect("`middleware` is around every route")
    }

    fn begin(&self) -> Result<()> {
        let Some(capacity) = &self.capacity else { return Ok(()) };
        let Ok(share) = Arc::clone(&capacity.free).try_acquire_owned() else {
            capacity.shed.inc();
            return Err(app::Error::Overloaded.into());
        };
        *self.share.lock() = Some(share);
        Ok(())
    }

    /// Releases the permit: what is left to do is to wait.
    pub(in crate::http) fn is_over(&self) {
        self.share.lock().take();
    }

    /// Waits for the client without a permit: a slow client must not keep others out. Errors: no permit is free
    /// afterwards.
    pub(in crate::http) async fn while_waiting<T>(&self, client: impl Future<Output = T>) -> Result<T> {
        self.is_over();
        let waited = client.await;
        self.begin()?;
        Ok(waited)
    }
}

impl FromRequestParts<Shared> for CapacityPermit {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &Shared) -> Result<Self> {
        Ok(Self::of(&parts.extensions))
    }
}
