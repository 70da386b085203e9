//! `/admin/users`: accounts. A user is named in the path by id, by name or by email.

use axum::{Json as Answer, extract::State};
use hyper::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::Why;
use crate::{
    app::{Admin, MadeUser, UserFilter, UserSpec},
    config::Secret,
    http::{
        Shared,
        extract::{Id, Json, Query, page_size},
        problem::Result,
        text::Text,
    },
    model::{Email, Page, Reason, Role, User, UserName},
};

pub(super) fn router() -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(routes!(list, add))
        .routes(routes!(show, delete))
        .routes(routes!(promote))
        .routes(routes!(demote))
        .routes(routes!(enable))
        .routes(routes!(disable))
        .routes(routes!(password))
        .routes(routes!(revoke_sessions))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Wanted {
    /// Only those with this in their name or email.
    #[param(inline)]
    query: Option<Text<1, 254>>,
    /// Only those with this role.
    role: Option<Role>,
    /// Only those that are enabled, or that are not.
    enabled: Option<bool>,
    /// How many items a page has at most.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[param(min_length = 1, max_length = 1024, pattern = "^[A-Za-z0-9_-]+$")]
    cursor: Option<String>,
}

/// List accounts
///
/// In order of their names.
#[utoipa::path(get, path = "/admin/users", params(Wanted), responses((status = 200, body = Page<User>, description = "Accounts")))]
async fn list(State(app): State<Shared>, admin: Admin, Query(wanted): Query<Wanted>) -> Result<Answer<Page<User>>> {
    let limit = page_size(wanted.limit)?;
    let filter = UserFilter { query: wanted.query.map(String::from), role: wanted.role, enabled: wanted.enabled };
    Ok(Answer(app.list_users(&admin, &filter, wanted.cursor.as_deref(), limit).await?))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewAccount {
    #[schema(value_type = UserName)]
    username: String,
    #[schema(value_type = Option<Email>)]
    email: Option<String>,
    /// `user` unless another is given.
    role: Option<Role>,
    /// Hard to guess, with 15 to 256 characters (after Unicode normalization, NFKC) unless `[auth] min_password_length`
    /// says otherwise. Without one,
    /// one is generated and returned only in this response.
    #[schema(min_length = 8, max_length = 4096)]
    password: Option<String>,
}

/// An account, and its password if one was generated: it is not kept, and cannot be shown again.
#[derive(Serialize, ToSchema)]
struct Made {
    #[serde(flatten)]
    user: User,
    password: Option<String>,
}

impl From<MadeUser> for Made {
    fn from(made: MadeUser) -> Self {
        let password = made.generated_password.map(|password| password.expose().to_owned());
        Self { user: made.user, password }
    }
}

/// Add an account
#[utoipa::path(
    post, path = "/admin/users", params(Why), request_body = NewAccount,
    responses(
        (status = 201, body = Made, description = "The account"),
        (status = 409, description = "`username_taken`, or `email_taken`")
    )
)]
async fn add(
    State(app): State<Shared>,
    admin: Admin,
    Query(why): Query<Why>,
    Json(given): Json<NewAccount>,
) -> Result<(StatusCode, Answer<Made>)> {
    let spec = UserSpec {
        username: given.username.parse()?,
        email: given.email.map(|text| text.parse()).transpose()?,
        role: given.role.unwrap_or(Role::User),
        password: given.password.map(Secret::new).into(),
    };
    let made = app.add_user(&admin.because(why.reason), &spec).await?;
    Ok((StatusCode::CREATED, Answer(made.into())))
}

/// Show an account
#[utoipa::path(
    get, path = "/admin/users/{id}",
    responses((status = 200, body = User, description = "The account"))
)]
async fn show(State(app): State<Shared>, admin: Admin, Id(user): Id<String>) -> Result<Answer<User>> {
    Ok(Answer(app.show_user(&admin, &user).await?))
}

/// Delete an account
///
/// With its sessions, API keys and conversations. Its running turns end. What the user did stays in the audit log.
#[utoipa::path(
    delete, path = "/admin/users/{id}", params(Why),
    responses(
        (status = 204, description = "It is deleted"),
        (status = 409, description = "`last_admin`: no enabled admin would be left")
    )
)]
async fn delete(
    State(app): State<Shared>,
    admin: Admin,
    Id(user): Id<String>,
    Query(why): Query<Why>,
) -> Result<StatusCode> {
    app.delete_user(&admin.because(why.reason), &user).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Change {
    /// The new role. Without it, `admin` for a promotion and `user` for a demotion.
    #[param(example = "auditor")]
    role: Option<Role>,
    /// Why; kept in the audit log.
    #[param(inline)]
    reason: Option<Reason>,
}

/// Promote a user
///
/// It counts from the next request on, without a new login. Giving a role that the user has changes nothing.
#[utoipa::path(
    post, path = "/admin/users/{id}/promote", params(Change),
    responses(
        (status = 200, body = User, description = "The account"),
        (status = 409, description = "`wrong_direction`: the user's role is above that one")
    )
)]
async fn promote(
    State(app): State<Shared>,
    admin: Admin,
    Id(user): Id<String>,
    Query(change): Query<Change>,
) -> Result<Answer<User>> {
    let role = change.role.unwrap_or(Role::Admin);
    Ok(Answer(app.promote_user(&admin.because(change.reason), &user, role).await?))
}

/// Demote a user
///
/// It counts from the next request on. Giving a role that the user has changes nothing.
#[utoipa::path(
    post, path = "/admin/users/{id}/demote", params(Change),
    responses(
        (status = 200, body = User, description = "The account"),
        (status = 409, description = "`last_admin`: no enabled admin would be left; or `wrong_direction`")
    )
)]
async fn demote(
    State(app): State<Shared>,
    admin: Admin,
    Id(user): Id<String>,
    Query(change): Query<Change>,
) -> Result<Answer<User>> {
    let role = change.role.unwrap_or(Role::User);
    Ok(Answer(app.demote_user(&admin.because(change.reason), &user, role).await?))
}

/// Let a user in again
///
/// Letting in a user who is enabled changes nothing.
#[utoipa::path(
    post, path = "/admin/users/{id}/enable", params(Why),
    responses((status = 200, body = User, description = "The account"))
)]
async fn enable(
    State(app): State<Shared>,
    admin: Admin,
    Id(user): Id<String>,
    Query(why): Query<Why>,
) -> Result<Answer<User>> {
    Ok(Answer(app.enable_user(&admin.because(why.reason), &user).await?))
}

/// Shut a user out
///
/// Within a second the tokens and keys of the account are refused everywhere, its streams closed, and its running turns
/// cancelled, with their partial replies kept. Disabling a disabled account changes nothing.
#[utoipa::path(
    post, path = "/admin/users/{id}/disable", params(Why),
    responses(
        (status = 200, body = User, description = "The account"),
        (status = 409, description = "`last_admin`: no enabled admin would be left")
    )
)]
async fn disable(
    State(app): State<Shared>,
    admin: Admin,
    Id(user): Id<String>,
    Query(why): Query<Why>,
) -> Result<Answer<User>> {
    Ok(Answer(app.disable_user(&admin.because(why.reason), &user).await?))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewPassword {
    /// Hard to guess, with 15 to 256 characters (after Unicode normalization, NFKC) unless `[auth] min_password_length`
    /// says otherwise. Without one,
    /// one is generated and returned only in this response.
    #[schema(min_length = 8, max_length = 4096)]
    password: Option<String>,
}

/// Set a user's password
///
/// All their sessions end.
#[utoipa::path(
    post, path = "/admin/users/{id}/password", params(Why),
    request_body = NewPassword, responses((status = 200, body = Made, description = "The account"))
)]
async fn password(
    State(app): State<Shared>,
    admin: Admin,
    Id(user): Id<String>,
    Query(why): Query<Why>,
    Json(given): Json<NewPassword>,
) -> Result<Answer<Made>> {
    let password = given.password.map(Secret::new);
    let made = app.set_user_password(&admin.because(why.reason), &user, password.as_ref()).await?;
    Ok(Answer(made.into()))
}

/// How many sessions were ended.
#[derive(Serialize, ToSchema)]
struct Revoked {
    revoked: u64,
}

/// End a user's sessions
///
/// Within a second their tokens are refused everywhere, and their streams closed. API keys are no sessions, and stay.
#[utoipa::path(
    post, path = "/admin/users/{id}/revoke-sessions", params(Why),
    responses((status = 200, body = Revoked, description = "The result"))
)]
async fn revoke_sessions(
    State(app): State<Shared>,
    admin: Admin,
    Id(user): Id<String>,
    Query(why): Query<Why>,
) -> Result<Answer<Revoked>> {
    Ok(Answer(Revoked { revoked: app.revoke_sessions(&admin.because(why.reason), &user).await? }))
}
