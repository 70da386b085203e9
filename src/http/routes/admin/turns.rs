//! `/admin/turns`: running and past turns of all users.

use axum::{Json as Answer, extract::State};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    app::Admin,
    http::{
        Shared,
        extract::{Query, page_size},
        problem::Result,
    },
    model::{OwnedTurn, Page, TurnState},
};

pub(super) fn router() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(list))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Wanted {
    /// Only turns in this state.
    state: Option<TurnState>,
    /// How many items a page has at most.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[param(min_length = 1, max_length = 1024, pattern = "^[A-Za-z0-9_-]+$")]
    cursor: Option<String>,
}

/// List the turns of all users
///
/// Running and past ones, the newest first, without message text: errors have their code and no detail.
/// `DELETE /api/v1/turns/{id}` cancels one of any user.
#[utoipa::path(
    get, path = "/admin/turns", params(Wanted),
    responses((status = 200, body = Page<OwnedTurn>, description = "A page of them"))
)]
async fn list(
    State(app): State<Shared>,
    admin: Admin,
    Query(wanted): Query<Wanted>,
) -> Result<Answer<Page<OwnedTurn>>> {
    let limit = page_size(wanted.limit)?;
    Ok(Answer(app.admin_turns(&admin, wanted.state, wanted.cursor.as_deref(), limit).await?))
}
