//! `/turns`: what is running, and what came of it.

use axum::{Json as Answer, Router, extract::State, routing::get};

use super::{Shared, extract::Id, fault::Result};
use crate::{
    app::Caller,
    model::{Page, Turn, TurnId},
};

pub(super) fn router() -> Router<Shared> {
    Router::new().route("/turns", get(running)).route("/turns/{id}", get(show))
}

/// The caller's running turns, on whichever replica they run.
async fn running(State(app): State<Shared>, caller: Caller) -> Result<Answer<Page<Turn>>> {
    Ok(Answer(Page { items: app.running_turns(&caller).await?, next_cursor: None }))
}

async fn show(State(app): State<Shared>, caller: Caller, Id(id): Id<TurnId>) -> Result<Answer<Turn>> {
    Ok(Answer(app.turn(&caller, id).await?))
}
