//! `/auth`: logging in and out.

use axum::{Json as Answer, Router, extract::State, routing::post};
use hyper::StatusCode;
use serde::Deserialize;

use super::{
    Shared,
    extract::{Json, JsonOrForm},
    fault::Result,
};
use crate::{
    app::{Caller, Origin, TokenPair},
    config::Secret,
};

pub(super) fn router() -> Router<Shared> {
    Router::new()
        .route("/auth/login", post(login))
        .route("/auth/refresh", post(refresh))
        .route("/auth/logout", post(logout))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Credentials {
    username: String,
    password: String,
}

async fn login(
    State(app): State<Shared>,
    origin: Origin,
    JsonOrForm(given): JsonOrForm<Credentials>,
) -> Result<Answer<TokenPair>> {
    let pair = app.login(&given.username, &Secret::new(given.password), &origin).await?;
    Ok(Answer(pair))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Refresh {
    refresh_token: String,
}

async fn refresh(State(app): State<Shared>, origin: Origin, Json(given): Json<Refresh>) -> Result<Answer<TokenPair>> {
    Ok(Answer(app.refresh(&given.refresh_token, &origin).await?))
}

async fn logout(State(app): State<Shared>, caller: Caller, origin: Origin) -> Result<StatusCode> {
    app.logout(&caller, &origin).await?;
    Ok(StatusCode::NO_CONTENT)
}
