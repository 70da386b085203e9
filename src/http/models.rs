//! `/models`: what may be asked.

use axum::{Json as Answer, Router, extract::State, routing::get};

use super::{Shared, fault::Result};
use crate::{
    app::{Caller, ModelInfo},
    model::Page,
};

pub(super) fn router() -> Router<Shared> {
    Router::new().route("/models", get(list))
}

async fn list(State(app): State<Shared>, caller: Caller) -> Result<Answer<Page<ModelInfo>>> {
    Ok(Answer(Page { items: app.models(&caller)?, next_cursor: None }))
}
