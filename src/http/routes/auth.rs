//! `/auth`: logging in and out.

use axum::{Json as Answer, extract::State};
use hyper::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    app::{Caller, Origin, TokenPair},
    config::Secret,
    http::{Shared, extract::JsonOrForm, problem::Result},
};

pub(in crate::http) fn router() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(login)).routes(routes!(refresh)).routes(routes!(logout))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "clients of OAuth 2.0 send more than a login needs")]
struct Credentials {
    /// A user's name or email.
    username: String,
    password: String,
    /// Of OAuth 2.0 (RFC 6749 §4.3); may be left out.
    grant_type: Option<PasswordGrant>,
    /// Of OAuth 2.0; not looked at: a login may do all that its user may.
    scope: Option<String>,
    /// Of OAuth 2.0; not looked at.
    client_id: Option<String>,
    /// Of OAuth 2.0; not looked at.
    client_secret: Option<String>,
}

/// How a user logs in.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum PasswordGrant {
    Password,
}

/// Log in
///
/// Trades a user's name or email and password for a pair of tokens, the beginning of a session. The access token goes
/// into `Authorization: Bearer` of all other requests. The form of OAuth 2.0's password grant is taken too.
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
#[expect(dead_code, reason = "clients of OAuth 2.0 send more than a refresh needs")]
struct Refresh {
    refresh_token: String,
    /// Of OAuth 2.0 (RFC 6749 §6); may be left out.
    grant_type: Option<RefreshGrant>,
    /// Of OAuth 2.0; not looked at.
    scope: Option<String>,
    /// Of OAuth 2.0; not looked at.
    client_id: Option<String>,
    /// Of OAuth 2.0; not looked at.
    client_secret: Option<String>,
}

/// How a session is renewed.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum RefreshGrant {
    RefreshToken,
}

/// Renew the tokens
///
/// Trades a refresh token for a new pair. The old refresh token is used up. Within 10 s it gives the same pair once more, as
/// parallel tabs need it; later, or once the new refresh token was used, it ends the whole session.
#[utoipa::path(
    post, path = "/auth/refresh", security(()),
    request_body(content((Refresh), (Refresh = "application/x-www-form-urlencoded"))),
    responses(
        (status = 200, body = TokenPair, description = "The session's next tokens"),
        (status = 401, description = "`unauthenticated`: the refresh token is unknown, expired, or was used before")
    )
)]
async fn refresh(
    State(app): State<Shared>,
    origin: Origin,
    JsonOrForm(given): JsonOrForm<Refresh>,
) -> Result<Answer<TokenPair>> {
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
