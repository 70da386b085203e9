//! A panic is a bug of ours: it is told once, by the log's own hook, and costs only the request it happened in.

use std::panic::AssertUnwindSafe;

use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;

use crate::http::problem::ApiError;

/// The answer, or where it panics, the fault. Nothing that was shared is left half changed: locks recover, transactions
/// roll back when they are dropped.
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
