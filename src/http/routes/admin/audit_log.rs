//! `/admin/audit-log`: reading, following and verifying the audit log, for auditors and administrators.

use std::{convert::Infallible, time::Duration};

use axum::{
    Json as Answer,
    body::Body,
    extract::State,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use futures_util::stream::unfold;
use hyper::{
    HeaderMap,
    header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName},
};
use serde::Deserialize;
use tokio::time::{Instant, sleep};
use utoipa::IntoParams;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    app::{AuditFilter, AuditFollower, Auditor, Error, Verified},
    config::Secret,
    http::{
        Shared,
        extract::{Query, bearer},
        problem::Result,
    },
    model::{AuditRow, Cursor, Invalid, Moment, Page},
};

const HEARTBEAT: Duration = Duration::from_secs(15);
const DEFAULT_PAGE: u32 = 50;
const MAX_PAGE: u32 = 1_000;
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

pub(super) fn router() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(events)).routes(routes!(verify))
}

/// The largest integer that every JSON parser keeps (RFC 8259 §6).
const MAX_ROW: i64 = (1 << 53) - 1;

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Wanted {
    /// The number of a row: those behind it.
    #[param(minimum = 0, maximum = 9007199254740991i64, default = 0)]
    after: Option<i64>,
    /// Exactly this actor, like `user:ada`.
    actor: Option<String>,
    /// Exactly this action, like `auth.login`.
    action: Option<String>,
    /// Exactly this target, like `user:ada`.
    target: Option<String>,
    /// Not before this moment: a time (`+` written as `%2B`), a day, or `2h` for two hours ago.
    #[param(inline)]
    since: Option<Moment>,
    /// Before this moment.
    #[param(inline)]
    until: Option<Moment>,
    /// How many rows a page has at most.
    #[param(minimum = 1, maximum = 1000, default = 50)]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[param(min_length = 1, max_length = 1024, pattern = "^[A-Za-z0-9_-]+$")]
    cursor: Option<String>,
}

impl Wanted {
    fn limit(&self) -> Result<u32> {
        match self.limit.unwrap_or(DEFAULT_PAGE) {
            limit @ 1..=MAX_PAGE => Ok(limit),
            _ => Err(Invalid::new("limit", format!("must be from 1 to {MAX_PAGE}")).into()),
        }
    }

    /// The row to continue after: the cursor's, which goes before `after`.
    fn after(&self) -> Result<i64> {
        match self.cursor.as_deref().map(Cursor::decode).transpose()? {
            Some(Cursor::Position { p }) => Ok(p),
            Some(Cursor::Name { .. } | Cursor::Time { .. }) => Err(Cursor::foreign().into()),
            None if self.after.is_some_and(|after| !(0..=MAX_ROW).contains(&after)) => {
                Err(Invalid::new("after", format!("must be from 0 to {MAX_ROW}")).into())
            }
            None => Ok(self.after.unwrap_or(0)),
        }
    }

    fn filter(self) -> AuditFilter {
        let Self { actor, action, target, since, until, .. } = self;
        let [since, until] = [since, until].map(|moment| moment.map(|moment| moment.0));
        AuditFilter { actor, action, target, since, until }
    }
}

/// Read the audit log
///
/// In order. For auditors and administrators.
#[utoipa::path(get, path = "/admin/audit-log", params(Wanted), responses((status = 200, body = Page<AuditRow>, description = "Rows")))]
async fn list(
    State(app): State<Shared>,
    auditor: Auditor,
    Query(wanted): Query<Wanted>,
) -> Result<Answer<Page<AuditRow>>> {
    let (after, limit) = (wanted.after()?, wanted.limit()?);
    Ok(Answer(app.audit_rows(auditor, &wanted.filter(), after, limit).await?))
}

/// Verify the audit log
///
/// The whole chain is computed again, and held against the signed checkpoints.
#[utoipa::path(get, path = "/admin/audit-log/verify", responses((status = 200, body = Verified, description = "The result")))]
async fn verify(State(app): State<Shared>, auditor: Auditor) -> Result<Answer<Verified>> {
    Ok(Answer(app.verify_audit(auditor, None, |_, _| {}).await?))
}

/// Follow the audit log
///
/// From behind `Last-Event-ID` or `?after=` on; without either, from the first row.
#[utoipa::path(
    get, path = "/admin/audit-log/events",
    params(Wanted, ("Last-Event-ID" = Option<u64>, Header, description = "The same as `after`, and before it", minimum = 0)),
    responses((status = 200, body = AuditRow, content_type = "text/event-stream", description = "Rows, each as it comes"))
)]
async fn events(
    State(app): State<Shared>,
    auditor: Auditor,
    headers: HeaderMap,
    Query(wanted): Query<Wanted>,
) -> Result<Response> {
    wanted.limit()?;
    let last_seen = headers.get(LAST_EVENT_ID).map(|id| id.to_str().ok().and_then(|id| id.trim().parse().ok()));
    let after = match last_seen {
        Some(Some(number)) => number,
        Some(None) => return Err(Invalid::new("Last-Event-ID", "must be the number of a row").into()),
        None => wanted.after()?,
    };
    let token = Secret::new(bearer(&headers).expect("`Auditor` was made from it"));
    let follower = app.follow_audit(auditor, wanted.filter(), after);
    let watch = Watch { app, follower, token, spoke: Instant::now() };
    let stream = unfold(watch, |mut watch| async move { Some((Ok::<_, Infallible>(watch.next().await?), watch)) });
    let headers = [(CONTENT_TYPE, "text/event-stream"), (CACHE_CONTROL, "no-store")];
    Ok((headers, [(HeaderName::from_static("x-accel-buffering"), "no")], Body::from_stream(stream)).into_response())
}

/// A subscription to the audit log, as long as its token allows it.
struct Watch {
    app: Shared,
    follower: AuditFollower,
    token: Secret,
    spoke: Instant,
}

impl Watch {
    /// The next rows, or a heartbeat. `None`: this replica drains, or the token allows it no more.
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if self.app.is_draining() || !self.is_allowed().await {
                return None;
            }
            let rows = match self.follower.look().await {
                Ok(rows) => rows,
                // Retried, as the follower can go on where it was.
                Err(Error::DatabaseUnavailable(_)) => Vec::new(),
                Err(error) => {
                    tracing::warn!(%error, "following the audit log ends");
                    return None;
                }
            };
            if !rows.is_empty() {
                self.spoke = Instant::now();
                return Some(rows.iter().map(encode).collect::<String>().into());
            }
            if self.spoke.elapsed() >= HEARTBEAT {
                self.spoke = Instant::now();
                return Some(Bytes::from_static(b": keep-alive\n\n"));
            }
            sleep(AuditFollower::POLL_INTERVAL).await;
        }
    }

    /// Authenticates as for a request. While the database or Redis is unavailable, the subscription stays.
    async fn is_allowed(&self) -> bool {
        match self.app.authenticate(self.token.expose()).await {
            Ok(caller) => Auditor::of(&caller).is_ok(),
            Err(error) => matches!(error, Error::DatabaseUnavailable(_) | Error::RedisUnavailable(_)),
        }
    }
}

fn encode(row: &AuditRow) -> String {
    // JSON has no raw line breaks, so the data is one line.
    let data = serde_json::to_string(row).expect("a row is plain JSON");
    format!("id: {}\nevent: row\ndata: {data}\n\n", row.id)
}
