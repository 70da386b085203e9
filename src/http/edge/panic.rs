//! A panic is a bug of ours: it is told once, in the log, and costs only the request it happened in.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, PanicHookInfo, set_hook},
};

use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;

use crate::http::fault::Fault;

/// Has panics of all tasks written as lines of the log, where the default would write text between them.
pub(in crate::http) fn tell_panics_in_the_log() {
    set_hook(Box::new(|panic: &PanicHookInfo<'_>| {
        let location = panic.location().map(ToString::to_string);
        tracing::error!(location, cause = words(panic.payload()), "a panic, which is a bug in mcpchat");
    }));
}

fn words(payload: &dyn Any) -> &str {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("(no words)")
}

/// The answer, or where it panics, the fault. Nothing that was shared is left half changed: locks recover, transactions
/// roll back when they are dropped.
pub(super) async fn caught(answer: impl Future<Output = Response>) -> Response {
    AssertUnwindSafe(answer).catch_unwind().await.unwrap_or_else(|_| Fault::Panicked.into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_an_internal_error() {
        let response = caught(async { panic!("a bug") }).await;
        assert_eq!(response.status(), 500);
        assert!(response.extensions().get::<Fault>().is_some());
    }
}
