//! `/livez` and `/readyz`: the probes of liveness and readiness.

use axum::{Json as Answer, extract::State};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    app::Origin,
    http::{Shared, problem::Result},
};

pub(in crate::http) fn router() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(livez)).routes(routes!(readyz))
}

#[derive(Serialize, ToSchema)]
struct Health {
    status: &'static str,
}

/// Is the process alive?
#[utoipa::path(get, path = "/livez", security(()), responses((status = 200, body = Health, description = "It is")))]
async fn livez() -> Answer<Health> {
    Answer(Health { status: "ok" })
}

/// Can it take requests?
///
/// Asks the database and the counters. Not while the server drains before it stops.
#[utoipa::path(get, path = "/readyz", security(()), responses((status = 200, body = Health, description = "It can")))]
async fn readyz(State(app): State<Shared>, origin: Origin) -> Result<Answer<Health>> {
    app.ready(&origin).await?;
    Ok(Answer(Health { status: "ok" }))
}
