//! `/users/me/keys`: the caller's API keys.

use axum::{
    Json as Answer, Router,
    extract::State,
    routing::{delete, get},
};
use chrono::{DateTime, SubsecRound, Utc};
use hyper::StatusCode;
use serde::{Deserialize, Serialize};

use super::{
    Shared,
    extract::{Id, Json, Paging, Query},
    fault::Result,
};
use crate::{
    app::{Caller, KeySpec, Origin},
    model::{ApiKey, KeyId, Page, Scope},
};

pub(super) fn router() -> Router<Shared> {
    Router::new().route("/users/me/keys", get(list).post(add)).route("/users/me/keys/{id}", delete(revoke))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewKey {
    name: String,
    scopes: Vec<Scope>,
    expires_at: Option<DateTime<Utc>>,
}

/// A key, and this once the whole of it.
#[derive(Serialize)]
struct WholeKey {
    #[serde(flatten)]
    about: ApiKey,
    key: String,
}

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

async fn list(State(app): State<Shared>, caller: Caller, Query(page): Query<Paging>) -> Result<Answer<Page<ApiKey>>> {
    Ok(Answer(app.own_keys(&caller, page.cursor.as_deref(), page.limit()?).await?))
}

async fn revoke(State(app): State<Shared>, caller: Caller, origin: Origin, Id(id): Id<KeyId>) -> Result<StatusCode> {
    app.revoke_own_key(&caller, id, &origin).await?;
    Ok(StatusCode::NO_CONTENT)
}
