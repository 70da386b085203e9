//! `/auth`: logging in and out.

use axum::{Json as Answer, extract::State};
use hyper::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    Shared,
    extract::{Json, JsonOrForm},
    fault::Result,
};
use crate::{
    app::{Caller, Origin, TokenPair},
    config::Secret,
};

pub(super) fn router() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(login)).routes(routes!(refresh)).routes(routes!(logout))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Credentials {
    /// A user's name or email.
    username: String,
    password: String,
}

/// Log in
///
/// Trades a user's name or email and password for a pair of tokens, the beginning of a session. The access token goes
/// into `Authorization: Bearer` of all other requests.
#[utoipa::path(
    post, path = "/auth/login", security(()),
    request_body(content((Credentials), (Credentials = "application/x-www-form-urlencoded"))),
    responses(
        (status = 200, body = TokenPair, description = "The session's first tokens"),
        (status = 401, description = "`wrong_credentials`: no such user, another password, or a disabled account")
    )
)]
async fn login(
    State(app): State<Shared>,
    origin: Origin,
    JsonOrForm(given): JsonOrForm<Credentials>,
) -> Result<Answer<TokenPair>> {
    let pair = app.login(&given.username, &Secret::new(given.password), &origin).await?;
    Ok(Answer(pair))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Refresh {
    refresh_token: String,
}

/// Renew the tokens
///
/// Trades a refresh token for a new pair. The old refresh token dies; to use it again, 10 s later or more, ends the whole
/// session.
#[utoipa::path(
    post, path = "/auth/refresh", security(()), request_body = Refresh,
    responses(
        (status = 200, body = TokenPair, description = "The session's next tokens"),
        (status = 401, description = "`unauthenticated`: the refresh token is unknown, expired, or was used before")
    )
)]
async fn refresh(State(app): State<Shared>, origin: Origin, Json(given): Json<Refresh>) -> Result<Answer<TokenPair>> {
    Ok(Answer(app.refresh(&given.refresh_token, &origin).await?))
}

/// Log out
///
/// Ends the session: its access and refresh tokens die, on every replica.
#[utoipa::path(post, path = "/auth/logout", responses((status = 204, description = "The session has ended")))]
async fn logout(State(app): State<Shared>, caller: Caller, origin: Origin) -> Result<StatusCode> {
    app.logout(&caller, &origin).await?;
    Ok(StatusCode::NO_CONTENT)
}
