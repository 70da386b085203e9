//! The service over HTTP. A handler takes a request apart, calls the app once, and puts the answer together; no rule lives
//! here. What goes wrong leaves as a problem document, from one place (`edge`).

mod admin;
mod auth;
mod conversations;
mod edge;
mod extract;
mod fault;
mod health;
mod listener;
mod messages;
mod models;
mod observed;
mod serve;
mod sse;
mod turns;
mod users;

use std::sync::Arc;

use axum::Router;

pub use self::serve::{Addresses, serve};
use crate::app::App;

/// What handlers share.
type Shared = Arc<App>;

/// All routes of the public listener.
fn router(app: Shared) -> Router {
    let api = Router::new()
        .merge(auth::router())
        .merge(users::router())
        .merge(models::router())
        .merge(conversations::router())
        .merge(messages::router())
        .merge(turns::router())
        .merge(admin::router());
    Router::new()
        .nest("/api/v1", api)
        .merge(health::router())
        .fallback(fault::no_such_route)
        .method_not_allowed_fallback(fault::no_such_method)
        .layer(axum::middleware::from_fn_with_state(Arc::clone(&app), edge::edge))
        .with_state(app)
}
