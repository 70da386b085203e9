//! `/turns`: running turns, single turns and their events.

use axum::{
    Json as Answer,
    extract::State,
    response::{IntoResponse, Response},
};
use hyper::StatusCode;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    app::{Caller, Origin},
    event::TurnEvent,
    http::{
        Shared,
        extract::{Id, LastEventId, Query},
        problem::Result,
        sse,
    },
    model::{Invalid, Page, Turn, TurnId},
};

pub(in crate::http) fn router() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(running)).routes(routes!(show, cancel)).routes(routes!(events))
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

/// Cancel a turn
///
/// On whichever replica it runs, its provider call is dropped within a second, and what has come of the reply is kept.
/// Cancelling a turn that has ended changes nothing. An administrator may cancel any user's.
#[utoipa::path(
    delete, path = "/turns/{id}",
    responses((status = 202, body = Turn, description = "The turn as it stands; its end comes to those who follow it"))
)]
async fn cancel(
    State(app): State<Shared>,
    caller: Caller,
    origin: Origin,
    Id(id): Id<TurnId>,
) -> Result<(StatusCode, Answer<Turn>)> {
    Ok((StatusCode::ACCEPTED, Answer(app.cancel_turn(&caller, id, &origin).await?)))
}

/// The largest integer that every JSON client keeps exactly.
const MAX_SEQ: u64 = (1 << 53) - 1;

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct After {
    /// The number of the last event that was seen.
    #[param(minimum = 0, maximum = 9007199254740991i64, default = 0)]
    after: Option<u64>,
}

/// Follow a turn
///
/// From the start, from after `?after=`, or where a reader that was cut off goes on by itself; while the turn runs, and
/// afterwards. Where the log is gone, the text so far comes whole, as one `snapshot`. A reader that has seen the last event
/// gets a 204, at which an `EventSource` stops.
#[utoipa::path(
    get, path = "/turns/{id}/events",
    params(After, ("Last-Event-ID" = Option<u64>, Header, description = "The same as `after`, and before it", minimum = 0, maximum = 9007199254740991i64)),
    responses(
        (status = 200, body = TurnEvent, content_type = "text/event-stream", description = "The turn's events"),
        (status = 204, description = "The turn has ended, and its last event was seen"),
    )
)]
async fn events(
    State(app): State<Shared>,
    caller: Caller,
    Id(id): Id<TurnId>,
    LastEventId(seen): LastEventId,
    Query(asked): Query<After>,
) -> Result<Response> {
    let after = seen.or(asked.after).unwrap_or(0);
    if after > MAX_SEQ {
        return Err(Invalid::new("after", format!("must be at most {MAX_SEQ}")).into());
    }
    let subscription = app.follow(&caller, id, after).await?;
    if subscription.has_seen_end() {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    Ok(sse::response(subscription, app.until_revoked(&caller)))
}
