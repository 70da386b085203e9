//! `/admin`: what administrators do and auditors read.

mod audit_log;

use utoipa_axum::router::OpenApiRouter;

use super::Shared;

pub(super) fn router() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().merge(audit_log::router())
}
