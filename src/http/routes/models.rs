//! `/models`: the available models.

use axum::{Json as Answer, extract::State};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    app::{Caller, ModelInfo},
    http::{Shared, problem::Result},
    model::Page,
};

pub(in crate::http) fn router() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(list))
}

/// List the models
///
/// Those this caller may use; the first is the default.
#[utoipa::path(get, path = "/models", responses((status = 200, body = Page<ModelInfo>, description = "All on one page")))]
async fn list(State(app): State<Shared>, caller: Caller) -> Result<Answer<Page<ModelInfo>>> {
    Ok(Answer(Page { items: app.models(&caller)?, next_cursor: None }))
}
