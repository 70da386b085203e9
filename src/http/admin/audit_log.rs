//! `/admin/audit-log`: reading it, following it, verifying it. Auditors and administrators may.

use std::{convert::Infallible, time::Duration};

use axum::{
    Json as Answer, Router,
    body::Body,
    extract::{FromRequestParts, MatchedPath, State},
    response::{IntoResponse, Response},
    routing::get,
};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures_util::stream::unfold;
use hyper::{
    HeaderMap,
    header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName},
    http::request::Parts,
};
use serde::Deserialize;
use tokio::time::{Instant, sleep};

use super::super::{
    Shared,
    extract::{Query, bearer},
    fault::{Fault, Result},
};
use crate::{
    app::{AuditFilter, AuditFollower, Auditor, Caller, Error, Origin, Verified},
    config::Secret,
    model::{AuditRow, Cursor, Invalid, Page},
};

const HEARTBEAT: Duration = Duration::from_secs(15);
const DEFAULT_PAGE: u32 = 50;
const MAX_PAGE: u32 = 1_000;
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

pub(super) fn router() -> Router<Shared> {
    Router::new()
        .route("/admin/audit-log", get(list))
        .route("/admin/audit-log/events", get(events))
        .route("/admin/audit-log/verify", get(verify))
}

/// Refused attempts are written down.
impl FromRequestParts<Shared> for Auditor {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, app: &Shared) -> Result<Self> {
        let caller = Caller::from_request_parts(parts, app).await?;
        let auditor = Self::of(&caller);
        if auditor.is_err() {
            let origin = Origin::from_request_parts(parts, app).await?;
            let route = parts.extensions.get::<MatchedPath>().map_or("", MatchedPath::as_str);
            app.record_refused_admin(&caller, &origin, &format!("{} {route}", parts.method)).await;
        }
        Ok(auditor?)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    /// The number of a row: those behind it.
    after: Option<i64>,
    actor: Option<String>,
    action: Option<String>,
    target: Option<String>,
    since: Option<DateTime<Utc>>,
    until: Option<DateTime<Utc>>,
    limit: Option<u32>,
    cursor: Option<String>,
}

impl Wanted {
    fn limit(&self) -> Result<u32> {
        match self.limit.unwrap_or(DEFAULT_PAGE) {
            limit @ 1..=MAX_PAGE => Ok(limit),
            _ => Err(Invalid::new("limit", format!("must be from 1 to {MAX_PAGE}")).into()),
        }
    }

    /// The cursor of a page before says more than the number that the first one began with.
    fn after(&self) -> Result<i64> {
        match self.cursor.as_deref().map(Cursor::decode).transpose()? {
            Some(Cursor::Position { p }) => Ok(p),
            Some(Cursor::Name { .. } | Cursor::Time { .. }) => Err(Cursor::foreign().into()),
            None => Ok(self.after.unwrap_or(0)),
        }
    }

    fn filter(self) -> AuditFilter {
        let Self { actor, action, target, since, until, .. } = self;
        AuditFilter { actor, action, target, since, until }
    }
}

async fn list(
    State(app): State<Shared>,
    auditor: Auditor,
    Query(wanted): Query<Wanted>,
) -> Result<Answer<Page<AuditRow>>> {
    let (after, limit) = (wanted.after()?, wanted.limit()?);
    Ok(Answer(app.audit_rows(auditor, &wanted.filter(), after, limit).await?))
}

async fn verify(State(app): State<Shared>, auditor: Auditor) -> Result<Answer<Verified>> {
    Ok(Answer(app.verify_audit(auditor, None, |_, _| {}).await?))
}

/// From behind `Last-Event-ID` or `?after=` on; without either, from the first row.
async fn events(
    State(app): State<Shared>,
    auditor: Auditor,
    headers: HeaderMap,
    Query(wanted): Query<Wanted>,
) -> Result<Response> {
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

/// Somebody who follows the log, as long as they may.
struct Watch {
    app: Shared,
    follower: AuditFollower,
    token: Secret,
    spoke: Instant,
}

impl Watch {
    /// The next rows, or a sign of life. `None`: this server stops, or the reader may not read any more.
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if self.app.is_draining() || !self.is_allowed().await {
                return None;
            }
            let rows = match self.follower.look().await {
                Ok(rows) => rows,
                // Waited out, as the follower can go on where it was.
                Err(Error::DatabaseAway(_)) => Vec::new(),
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
                return Some(Bytes::from_static(b": still here\n\n"));
            }
            sleep(AuditFollower::PAUSE).await;
        }
    }

    /// As at a request. While the database is away there is nothing to read either.
    async fn is_allowed(&self) -> bool {
        match self.app.authenticate(self.token.expose()).await {
            Ok(caller) => Auditor::of(&caller).is_ok(),
            Err(error) => matches!(error, Error::DatabaseAway(_) | Error::RedisAway),
        }
    }
}

fn encode(row: &AuditRow) -> String {
    // JSON has no raw line breaks, so the data is one line.
    let data = serde_json::to_string(row).expect("a row is plain JSON");
    format!("id: {}\nevent: row\ndata: {data}\n\n", row.id)
}
