//! `/turns`: what is running, and what came of it.

use axum::{Json as Answer, extract::State};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{Shared, extract::Id, fault::Result};
use crate::{
    app::Caller,
    model::{Page, Turn, TurnId},
};

pub(super) fn router() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(running)).routes(routes!(show))
}

/// List the running turns
///
/// The caller's, on whichever replica they run.
#[utoipa::path(get, path = "/turns", responses((status = 200, body = Page<Turn>, description = "All on one page")))]
async fn running(State(app): State<Shared>, caller: Caller) -> Result<Answer<Page<Turn>>> {
    Ok(Answer(Page { items: app.running_turns(&caller).await?, next_cursor: None }))
}

/// Show a turn
///
/// What became of a message: the state, why it ended, what it used and cost.
#[utoipa::path(get, path = "/turns/{id}", responses((status = 200, body = Turn, description = "The turn")))]
async fn show(State(app): State<Shared>, caller: Caller, Id(id): Id<TurnId>) -> Result<Answer<Turn>> {
    Ok(Answer(app.turn(&caller, id).await?))
}
