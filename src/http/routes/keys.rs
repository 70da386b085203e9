//! `/users/me/keys`: the caller's API keys.

use axum::{Json as Answer, extract::State};
use chrono::{DateTime, SubsecRound, Utc};
use hyper::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    app::{Caller, KeySpec, Origin},
    http::{
        Shared,
        extract::{Id, Json, Paging, Query},
        problem::Result,
    },
    model::{ApiKey, KeyId, KeyName, Page, Scope},
};

pub(in crate::http) fn router() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(list, add)).routes(routes!(revoke))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewKey {
    #[schema(value_type = KeyName)]
    name: String,
    /// What it may do; none includes another. `admin` is for administrators.
    #[schema(min_items = 1)]
    scopes: Vec<Scope>,
    /// In the future, and within ten years. Without it the key lives until it is revoked.
    expires_at: Option<DateTime<Utc>>,
}

/// A key, and this once the whole of it.
#[derive(Serialize, ToSchema)]
struct WholeKey {
    #[serde(flatten)]
    about: ApiKey,
    /// What a program sends as its bearer token. It is not kept, and cannot be shown again.
    key: String,
}

/// Add an API key
///
/// For programs. Its whole text is returned only here. This needs a login: a key cannot make keys.
#[utoipa::path(
    post, path = "/users/me/keys", request_body = NewKey,
    responses((status = 201, body = WholeKey, description = "The key"), (status = 409, description = "`too_many_keys`: revoke some"))
)]
async fn add(
    State(app): State<Shared>,
    caller: Caller,
    origin: Origin,
    Json(given): Json<NewKey>,
) -> Result<(StatusCode, Answer<WholeKey>)> {
    let spec = KeySpec {
        name: given.name.parse()?,
        scopes: given.scopes.try_into()?,
        expires_at: given.expires_at.map(|end| end.trunc_subsecs(6)),
    };
    let made = app.add_own_key(&caller, &spec, &origin).await?;
    Ok((StatusCode::CREATED, Answer(WholeKey { about: made.about.key, key: made.text.expose().to_owned() })))
}

/// List the API keys
#[utoipa::path(get, path = "/users/me/keys", params(Paging), responses((status = 200, body = Page<ApiKey>, description = "The caller's keys, without their secrets")))]
async fn list(State(app): State<Shared>, caller: Caller, Query(page): Query<Paging>) -> Result<Answer<Page<ApiKey>>> {
    Ok(Answer(app.own_keys(&caller, page.cursor.as_deref(), page.limit()?).await?))
}

/// Revoke an API key
///
/// Within a second no replica takes it any more, and streams opened with it are closed. Doing it again changes nothing.
#[utoipa::path(delete, path = "/users/me/keys/{id}", responses((status = 204, description = "It is revoked")))]
async fn revoke(State(app): State<Shared>, caller: Caller, origin: Origin, Id(id): Id<KeyId>) -> Result<StatusCode> {
    app.revoke_own_key(&caller, id, &origin).await?;
    Ok(StatusCode::NO_CONTENT)
}
