//! Panic handling: a panic is logged once, by the log's own hook, and fails only the request it happened in.

use std::panic::AssertUnwindSafe;

use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;

use crate::http::problem::ApiError;

/// Returns the response, or the fault where it panics. No shared state is left half changed: locks recover,
/// transactions roll back when they are dropped.
pub(super) async fn caught(answer: impl Future<Output = Response>) -> Response {
    AssertUnwindSafe(answer).catch_unwind().await.unwrap_or_else(|_| ApiError::Panicked.into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_an_internal_error() {
        let response = caught(async { panic!("a bug") }).await;
        assert_eq!(response.status(), 500);
        assert!(response.extensions().get::<ApiError>().is_some());
    }
}
