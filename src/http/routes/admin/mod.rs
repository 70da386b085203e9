//! `/admin`: the routes of administrators and auditors. A handler demands the role by an argument `Admin` or `Auditor`;
//! a refused attempt is recorded there, so that no handler can forget it.

mod audit_log;
mod rate_limits;
mod status;
mod turns;
mod users;

use axum::extract::{FromRequestParts, MatchedPath};
use hyper::http::request::Parts;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;

use crate::{
    app::{self, Admin, Auditor, Caller, Origin},
    http::{
        Shared,
        problem::{ApiError, Result},
    },
    model::Reason,
};

pub(in crate::http) fn router() -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .merge(audit_log::router())
        .merge(rate_limits::router())
        .merge(status::router())
        .merge(turns::router())
        .merge(users::router())
}

/// The query of every route that changes something; it is passed on with `Admin::because`.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Why {
    /// Why; kept in the audit log.
    #[param(inline)]
    reason: Option<Reason>,
}

impl FromRequestParts<Shared> for Auditor {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Shared) -> Result<Self> {
        authority(parts, app, |caller, _| Self::of(caller)).await
    }
}

impl FromRequestParts<Shared> for Admin {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Shared) -> Result<Self> {
        authority(parts, app, |caller, origin| Self::of(caller, origin.clone())).await
    }
}

async fn authority<T>(
    parts: &mut Parts,
    app: &Shared,
    prove: impl FnOnce(&Caller, &Origin) -> app::Result<T>,
) -> Result<T> {
    let caller = Caller::from_request_parts(parts, app).await?;
    let origin = Origin::from_request_parts(parts, app).await?;
    let proof = prove(&caller, &origin);
    if proof.is_err() {
        let route = parts.extensions.get::<MatchedPath>().map_or("", MatchedPath::as_str);
        app.record_refused_admin(&caller, &origin, &format!("{} {route}", parts.method)).await;
    }
    Ok(proof?)
}
