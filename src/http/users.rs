//! `/users`: making an account for oneself, where that is open, and the caller's own account.

use axum::{
    Json as Answer, Router,
    extract::State,
    routing::{get, post, put},
};
use hyper::StatusCode;
use serde::Deserialize;

use super::{Shared, extract::Json, fault::Result};
use crate::{
    app::{Caller, Origin, UserSpec},
    config::Secret,
    model::{Role, User},
};

pub(super) fn router() -> Router<Shared> {
    Router::new()
        .route("/users", post(register))
        .route("/users/me", get(me))
        .route("/users/me/password", put(change_password))
}

/// There is no member for a role: nobody can give themselves one.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Registration {
    username: String,
    email: Option<String>,
    password: String,
}

async fn register(
    State(app): State<Shared>,
    origin: Origin,
    Json(given): Json<Registration>,
) -> Result<(StatusCode, Answer<User>)> {
    let spec = UserSpec {
        username: given.username.parse()?,
        email: given.email.map(|text| text.parse()).transpose()?,
        role: Role::User,
        password: Some(Secret::new(given.password)),
    };
    Ok((StatusCode::CREATED, Answer(app.register(&spec, &origin).await?)))
}

async fn me(State(app): State<Shared>, caller: Caller) -> Result<Answer<User>> {
    Ok(Answer(app.me(&caller)?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PasswordChange {
    current_password: String,
    new_password: String,
}

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
