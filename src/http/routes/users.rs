//! `/users`: registration, where it is open, and the caller's own account.

use axum::{Json as Answer, extract::State};
use hyper::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    app::{Caller, FirstPassword, Origin, UserSpec},
    config::Secret,
    http::{Shared, extract::Json, problem::Result},
    model::{Email, Role, User, UserName},
};

pub(in crate::http) fn router() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(register)).routes(routes!(me)).routes(routes!(change_password))
}

/// There is no member for a role: it cannot be chosen at registration.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Registration {
    #[schema(value_type = UserName)]
    username: String,
    #[schema(value_type = Option<Email>)]
    email: Option<String>,
    /// Hard to guess, with 15 to 256 characters (after Unicode normalization, NFKC) unless `[auth] min_password_length`
    /// says otherwise.
    #[schema(min_length = 8, max_length = 4096)]
    password: String,
}

/// Register
///
/// Makes an account for oneself, with the role `user`, where `[auth] registration` is open.
#[utoipa::path(
    post, path = "/users", security(()), request_body = Registration,
    responses(
        (status = 201, body = User, description = "The account"),
        (status = 403, description = "`registration_closed`: ask an administrator for an account"),
        (status = 409, description = "`username_taken`, or `email_taken`")
    )
)]
async fn register(
    State(app): State<Shared>,
    origin: Origin,
    Json(given): Json<Registration>,
) -> Result<(StatusCode, Answer<User>)> {
    let spec = UserSpec {
        username: given.username.parse()?,
        email: given.email.map(|text| text.parse()).transpose()?,
        role: Role::User,
        password: FirstPassword::Given(Secret::new(given.password)),
    };
    Ok((StatusCode::CREATED, Answer(app.register(&spec, &origin).await?)))
}

/// Show the caller
#[utoipa::path(get, path = "/users/me", responses((status = 200, body = User, description = "The caller's account")))]
async fn me(State(app): State<Shared>, caller: Caller) -> Result<Answer<User>> {
    Ok(Answer(app.me(&caller)?))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PasswordChange {
    current_password: String,
    /// Hard to guess, with 15 to 256 characters (after Unicode normalization, NFKC) unless `[auth] min_password_length`
    /// says otherwise.
    #[schema(min_length = 8, max_length = 4096)]
    new_password: String,
}

/// Change the password
///
/// The caller's other sessions end.
#[utoipa::path(
    put, path = "/users/me/password", request_body = PasswordChange,
    responses((status = 204, description = "The password is changed"))
)]
async fn change_password(
    State(app): State<Shared>,
    caller: Caller,
    origin: Origin,
    Json(given): Json<PasswordChange>,
) -> Result<StatusCode> {
    let (current, new) = (Secret::new(given.current_password), Secret::new(given.new_password));
    app.change_password(&caller, &current, &new, &origin).await?;
    Ok(StatusCode::NO_CONTENT)
}
