//! `/admin/rate-limits`: usage of limits, overrides for single users, refusals, and resets.

use axum::{Json as Answer, extract::State};
use chrono::{DateTime, Utc};
use hyper::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::Why;
use crate::{
    app::{Admin, LimitView, OverrideSpec, OverrideView, RefusalView, ViolationView},
    http::{
        Shared,
        extract::{Id, Json, Names, Query, page_size},
        problem::Result,
        text::Text,
    },
    model::{Page, Reason},
};

pub(super) fn router() -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(set, unset))
        .routes(routes!(reset))
        .routes(routes!(violations))
        .routes(routes!(refusals))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Whose {
    /// A user, by id, name or email: what counts them, and how they stand.
    #[param(inline)]
    user_id: Option<Text<1, 254>>,
}

/// Show the limits
///
/// All rules; or, with a user, all that count them: how much is used and left, when it resets, their
/// overrides and who set them, and how often they were refused. Those of their API keys are listed where something is used.
#[utoipa::path(
    get, path = "/admin/rate-limits", params(Whose),
    responses((status = 200, body = Page<LimitView>, description = "The rules, on one page"), (status = 404, description = ""))
)]
async fn list(State(app): State<Shared>, admin: Admin, Query(whose): Query<Whose>) -> Result<Answer<Page<LimitView>>> {
    let items = app.show_limits(&admin, whose.user_id.map(String::from).as_deref()).await?;
    Ok(Answer(Page { items, next_cursor: None }))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Override {
    /// What the rule's `max` is for this user: of cost US dollars, else a whole number. 0 lets nothing pass.
    #[schema(minimum = 0, maximum = 1e15)]
    max: f64,
    /// From then on the rule holds as it is; within ten years. Without it, until the override is taken back.
    until: Option<DateTime<Utc>>,
    #[schema(value_type = Reason)]
    reason: String,
}

/// Set an override for a user
///
/// It holds within a second on every replica, in the place of any other of the same rule, and counts what is used already.
/// Only rules that count per user can have overrides.
#[utoipa::path(
    put, path = "/admin/rate-limits/{user_id}/{rule}",
    params(("rule" = String, Path, description = "The rule's name.")), request_body = Override,
    responses((status = 200, body = OverrideView, description = "The override"))
)]
async fn set(
    State(app): State<Shared>,
    admin: Admin,
    Names((user, rule)): Names<(String, String)>,
    Json(given): Json<Override>,
) -> Result<Answer<OverrideView>> {
    let admin = admin.because(Some(given.reason.parse()?));
    let spec = OverrideSpec { max: given.max, until: given.until };
    Ok(Answer(app.set_override(&admin, &user, &rule, &spec).await?))
}

/// Remove an override
///
/// The rule's own maximum applies again, within a second. Where there is no override nothing is changed.
#[utoipa::path(
    delete, path = "/admin/rate-limits/{user_id}/{rule}",
    params(("rule" = String, Path, description = "The rule's name."), Why),
    responses((status = 204, description = "There is none any more"))
)]
async fn unset(
    State(app): State<Shared>,
    admin: Admin,
    Names((user, rule)): Names<(String, String)>,
    Query(why): Query<Why>,
) -> Result<StatusCode> {
    app.unset_override(&admin.because(why.reason), &user, &rule).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct What {
    /// A user, by id, name or email. Without one, all users and addresses.
    #[param(inline)]
    user_id: Option<Text<1, 254>>,
    /// Only what this rule counts.
    #[param(inline)]
    rule: Option<Text<1, 64>>,
    /// Why; kept in the audit log.
    #[param(inline)]
    reason: Option<Reason>,
}

/// Of how many subjects (accounts, login names, keys, addresses) something was cleared.
#[derive(Serialize, ToSchema)]
struct Reset {
    reset: u64,
}

/// Clear counters
///
/// Every kind of counter, and the violations: of a user their account's, their login names' and their API keys'; or
/// those of all. Overrides stay. The audit row is written before the counters are reset; should Redis fail then, a row
/// `ratelimit.reset_failed` says so, and the answer is 503.
#[utoipa::path(
    post, path = "/admin/rate-limits/reset", params(What),
    responses((status = 200, body = Reset, description = "The result"), (status = 404, description = ""))
)]
async fn reset(State(app): State<Shared>, admin: Admin, Query(what): Query<What>) -> Result<Answer<Reset>> {
    let (admin, rule) = (admin.because(what.reason), what.rule.map(String::from));
    let reset = match what.user_id.map(String::from) {
        Some(user) => app.reset_limits(&admin, &user, rule.as_deref()).await?,
        None => app.reset_all_limits(&admin, rule.as_deref()).await?,
    };
    Ok(Answer(Reset { reset }))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Wanted {
    /// A user, by id, name or email: only those of their account, login names and API keys.
    #[param(inline)]
    user_id: Option<Text<1, 254>>,
    /// How many items a page has at most.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[param(min_length = 1, max_length = 1024, pattern = "^[A-Za-z0-9_-]+$")]
    cursor: Option<String>,
}

/// List who was refused
///
/// The latest first. Refusals of the same rule are counted together as long as less than 24 hours pass between them; the
/// latest few thousand are remembered.
#[utoipa::path(
    get, path = "/admin/rate-limit-violations", params(Wanted),
    responses((status = 200, body = Page<ViolationView>, description = "Violations"), (status = 404, description = ""))
)]
async fn violations(
    State(app): State<Shared>,
    admin: Admin,
    Query(wanted): Query<Wanted>,
) -> Result<Answer<Page<ViolationView>>> {
    let limit = page_size(wanted.limit)?;
    let user = wanted.user_id.map(String::from);
    Ok(Answer(app.violations(&admin, user.as_deref(), wanted.cursor.as_deref(), limit).await?))
}

/// Explain a refusal
///
/// By the `decision_id` of the refusal or the id of its request: the rule and its values as they were. The last hundred of
/// each subject and rule are kept for a day, until their counters are cleared; a refusal can be found after a second or two.
#[utoipa::path(
    get, path = "/admin/rate-limit-violations/{id}",
    params(("id" = String, Path, description = "A decision's or a request's id.")),
    responses((status = 200, body = Page<RefusalView>, description = "The refusals, on one page"), (status = 404, description = ""))
)]
async fn refusals(State(app): State<Shared>, admin: Admin, Id(id): Id<String>) -> Result<Answer<Page<RefusalView>>> {
    Ok(Answer(Page { items: app.refusals(&admin, &id).await?, next_cursor: None }))
}
