//! `/admin`: what administrators do and auditors read.

mod audit_log;

use axum::Router;

use super::Shared;

pub(super) fn router() -> Router<Shared> {
    Router::new().merge(audit_log::router())
}
