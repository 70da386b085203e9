//! `/models`: what may be asked.

use axum::{Json as Answer, extract::State};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{Shared, fault::Result};
use crate::{
    app::{Caller, ModelInfo},
    model::Page,
};

pub(super) fn router() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(list))
}

/// List the models
///
/// Those this caller may use; the first is the default.
#[utoipa::path(get, path = "/models", responses((status = 200, body = Page<ModelInfo>, description = "All on one page")))]
async fn list(State(app): State<Shared>, caller: Caller) -> Result<Answer<Page<ModelInfo>>> {
    Ok(Answer(Page { items: app.models(&caller)?, next_cursor: None }))
}
