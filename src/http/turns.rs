//! `/turns`: what is running, and what came of it.

use axum::{Json as Answer, Router, extract::State, response::Response, routing::get};
use hyper::StatusCode;
use serde::Deserialize;

use super::{
    Shared,
    extract::{Id, LastEventId, Query},
    fault::Result,
    sse,
};
use crate::{
    app::Caller,
    model::{Page, Turn, TurnId},
};

pub(super) fn router() -> Router<Shared> {
    Router::new()
        .route("/turns", get(running))
        .route("/turns/{id}", get(show).delete(cancel))
        .route("/turns/{id}/events", get(events))
}

/// The caller's running turns, on whichever replica they run.
async fn running(State(app): State<Shared>, caller: Caller) -> Result<Answer<Page<Turn>>> {
    Ok(Answer(Page { items: app.running_turns(&caller).await?, next_cursor: None }))
}

async fn show(State(app): State<Shared>, caller: Caller, Id(id): Id<TurnId>) -> Result<Answer<Turn>> {
    Ok(Answer(app.turn(&caller, id).await?))
}

async fn cancel(State(app): State<Shared>, caller: Caller, Id(id): Id<TurnId>) -> Result<(StatusCode, Answer<Turn>)> {
    Ok((StatusCode::ACCEPTED, Answer(app.cancel_turn(&caller, id).await?)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct After {
    after: Option<u64>,
}

/// From the start, from after `?after=`, or where a reader that was cut off goes on by itself.
async fn events(
    State(app): State<Shared>,
    caller: Caller,
    Id(id): Id<TurnId>,
    LastEventId(seen): LastEventId,
    Query(asked): Query<After>,
) -> Result<Response> {
    let after = seen.or(asked.after).unwrap_or(0);
    let following = app.follow(&caller, id, after).await?;
    Ok(sse::response(following, app.until_revoked(&caller)))
}
