//! The HTTP API. A handler parses a request, calls the app once, and builds the response; no business rule is here.
//! Errors become problem documents in one place (`middleware`).

mod accept;
mod body;
mod docs;
mod extract;
mod handshake_refusal;
mod message_request;
mod middleware;
mod openapi;
mod problem;
mod routes;
mod serve;
mod sse;
mod text;
mod ws;

use std::sync::Arc;

use axum::Router;
use utoipa_axum::router::OpenApiRouter;

pub use self::{
    openapi::description,
    serve::{Addresses, serve},
};
use crate::app::App;

/// The state that handlers share.
type Shared = Arc<App>;

/// All routes of the public listener, each with its description.
fn routes() -> OpenApiRouter<Shared> {
    let api = routes::router().merge(ws::router()).merge(openapi::router());
    OpenApiRouter::new().nest("/api/v1", api).merge(routes::health::router()).merge(docs::router())
}

fn router(app: Shared) -> Router {
    let (routes, _) = routes().split_for_parts();
    let shed = app.metrics().requests_shed_total.with_label_values(&["requests"]);
    let capacity = middleware::Capacity::new(app.config().server.max_requests_in_flight, shed);
    routes
        .nest("/api/v1", ws::diagnostics(&app.config().server))
        .fallback(problem::no_such_route)
        .method_not_allowed_fallback(problem::no_such_method)
        .layer(axum::middleware::from_fn_with_state((Arc::clone(&app), capacity), middleware::middleware_stack))
        .with_state(app)
}
