//! `/models`: what may be asked.

use axum::{Json as Answer, Router, extract::State, routing::get};

use super::Shared;
use crate::{
    app::{Caller, ModelInfo},
    model::Page,
};

pub(super) fn router() -> Router<Shared> {
    Router::new().route("/models", get(list))
}

async fn list(State(app): State<Shared>, _: Caller) -> Answer<Page<ModelInfo>> {
    Answer(Page { items: app.models(), next_cursor: None })
}
