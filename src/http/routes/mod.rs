//! The routes of the API: one file per resource, each with its handlers and its router.

mod admin;
mod auth;
mod conversations;
pub(super) mod health;
mod keys;
mod messages;
mod models;
mod turns;
mod users;

use utoipa_axum::router::OpenApiRouter;

use super::Shared;

/// The routes below `/api/v1`.
pub(super) fn router() -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .merge(auth::router())
        .merge(users::router())
        .merge(keys::router())
        .merge(models::router())
        .merge(conversations::router())
        .merge(messages::router())
        .merge(turns::router())
        .merge(admin::router())
}
