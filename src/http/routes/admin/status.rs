//! `/admin/metrics`, `/admin/system-status`, `/admin/service-status`: summaries of the service's state.

use axum::{Json as Answer, extract::State};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    app::{Admin, MetricsSnapshot, ServiceStatus, SystemStatus},
    http::{Shared, problem::Result},
};

pub(super) fn router() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(metrics)).routes(routes!(system)).routes(routes!(service))
}

/// Show totals of accounts, conversations, messages, tokens and cost
///
/// Over all replicas. More than 100,000 of a kind are counted as PostgreSQL estimates them. `/metrics`, on its own
/// address, has the numbers of one replica for Prometheus.
#[utoipa::path(
    get, path = "/admin/metrics",
    responses((status = 200, body = MetricsSnapshot, description = "The numbers as they are now"))
)]
async fn metrics(State(app): State<Shared>, admin: Admin) -> Result<Answer<MetricsSnapshot>> {
    Ok(Answer(app.metrics_snapshot(&admin).await?))
}

/// Show the load of the machine
///
/// That of the replica that answers. The processors are watched for 100 ms.
#[utoipa::path(
    get, path = "/admin/system-status",
    responses((status = 200, body = SystemStatus, description = "The machine, and this process"))
)]
async fn system(State(app): State<Shared>, admin: Admin) -> Result<Answer<SystemStatus>> {
    Ok(Answer(app.system_status(&admin).await))
}

/// Show whether all that is needed is there
///
/// The database, Redis and each provider are asked at the same time, and get 3 s to answer. Providers are asked for their
/// list of models, which costs nothing.
#[utoipa::path(
    get, path = "/admin/service-status",
    responses((status = 200, body = ServiceStatus, description = "What each of them said"))
)]
async fn service(State(app): State<Shared>, admin: Admin) -> Result<Answer<ServiceStatus>> {
    Ok(Answer(app.service_status(&admin).await))
}
