//! Access log: one line and the metrics per request, written when the response's body or the client has gone.

use std::{
    borrow::Cow,
    pin::Pin,
    sync::{Arc, OnceLock},
    task::{Context, Poll},
    time::Instant,
};

use axum::extract::{MatchedPath, Request};
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::{Method, StatusCode, http::request::Parts};

use crate::{
    app::{self, Caller, Origin},
    http::{Shared, problem::ApiError},
    logging::millis,
    metrics::waits::{Awaited, Waits},
    model::{KeyId, SessionId, UserId},
};

/// The status of a request whose client did not wait for the response; as nginx has it.
const CLIENT_GONE: u16 = 499;
/// The label of every path that is no route: clients can invent paths.
const NO_ROUTE: &str = "unmatched";

/// The caller of a request, once it is authenticated.
#[derive(Clone, Copy, Debug)]
pub(in crate::http) struct Requester {
    user: UserId,
    session: Option<SessionId>,
    key: Option<KeyId>,
}

impl Requester {
    /// Notes the caller for the access log.
    pub(in crate::http) fn note(request: &Parts, caller: &Caller) {
        if let Some(slot) = request.extensions.get::<Arc<OnceLock<Self>>>() {
            slot.set(Self { user: caller.user().id, session: caller.session(), key: caller.key() }).ok();
        }
    }

    /// The end of the session's id, which is enough to find it and tells apart those of the same second.
    fn session(self) -> Option<String> {
        self.session.map(|id| id.to_string().split_off(24))
    }

    fn key(self) -> Option<String> {
        self.key.map(|id| id.to_string().split_off(24))
    }
}

/// The access log entry of a request; written when dropped.
pub(in crate::http) struct AccessLogEntry {
    app: Shared,
    origin: Origin,
    method: &'static str,
    route: Option<MatchedPath>,
    requester: Arc<OnceLock<Requester>>,
    waits: Arc<Waits>,
    status: StatusCode,
    /// The problem's code, where the response is one.
    code: Option<Cow<'static, str>>,
    /// The app's error; the decision of a limit is logged from it.
    error: Option<Arc<app::Error>>,
    since: Instant,
}

impl AccessLogEntry {
    pub(in crate::http) fn begin(app: &Shared, origin: Origin, request: &mut Request) -> Self {
        let requester = Arc::<OnceLock<Requester>>::default();
        request.extensions_mut().insert(Arc::clone(&requester));
        Self {
            app: Arc::clone(app),
            origin,
            method: known_method(request.method()),
            route: request.extensions().get::<MatchedPath>().cloned(),
            requester,
            waits: Waits::inside(),
            status: StatusCode::from_u16(CLIENT_GONE).expect("it has three digits"),
            code: None,
            error: None,
            since: Instant::now(),
        }
    }

    pub(in crate::http) fn waits(&self) -> Arc<Waits> {
        Arc::clone(&self.waits)
    }

    pub(in crate::http) fn route(&self) -> &str {
        self.route.as_ref().map_or(NO_ROUTE, MatchedPath::as_str)
    }

    pub(in crate::http) fn refused(&mut self, fault: &ApiError) {
        self.code = Some(fault.code().into());
        if let ApiError::App(error) = fault {
            self.error = Some(Arc::clone(error));
        }
    }

    /// Notes a failure of which only the problem's code is known.
    pub(in crate::http) fn failed(&mut self, code: String) {
        self.code = Some(code.into());
    }

    pub(in crate::http) fn answered(&mut self, status: StatusCode) {
        self.status = status;
    }

    pub(in crate::http) fn around(self, body: axum::body::Body) -> LoggedBody {
        LoggedBody { body, _observed: self }
    }
}

impl Drop for AccessLogEntry {
    fn drop(&mut self) {
        let took = self.since.elapsed();
        if std::thread::panicking() {
            self.status = StatusCode::INTERNAL_SERVER_ERROR;
        }
        let (route, metrics) = (self.route(), self.app.metrics());
        metrics.http_requests_total.with_label_values(&[self.method, route, self.status.as_str()]).inc();
        metrics.http_request_duration_seconds.with_label_values(&[route]).observe(took.as_secs_f64());
        let requester = self.requester.get().copied();
        let refused = self.error.as_deref().and_then(app::Error::refused_by_limit);
        let reserved = refused.and_then(|refused| refused.reservation.as_ref()).map(|reservation| reservation.running);
        tracing::info!(
            method = self.method,
            route,
            status = self.status.as_u16(),
            code = self.code.as_deref(),
            decision_id = refused.map(|refused| display(refused.decision_id)),
            rule = refused.map(|refused| refused.rule.as_str()),
            limit = refused.map(|refused| display(refused.limit)),
            used = refused.map(|refused| display(refused.used)),
            reserved = reserved.map(display),
            retry_after_secs = refused.and_then(|refused| refused.retry_after_secs),
            duration_ms = millis(took),
            own_ms = millis(self.waits.own_share_of(took)),
            db_ms = millis(self.waits.time(Awaited::Database)),
            db_calls = self.waits.calls(Awaited::Database),
            redis_ms = millis(self.waits.time(Awaited::Redis)),
            redis_calls = self.waits.calls(Awaited::Redis),
            user_id = requester.map(|requester| display(requester.user)),
            session = requester.and_then(Requester::session),
            key = requester.and_then(Requester::key),
            address = self.origin.address.map(display),
            request_id = %self.origin.request_id,
            "request"
        );
    }
}

/// The method as one of a closed set of labels: clients can invent methods.
fn known_method(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

pub(in crate::http) struct LoggedBody {
    body: axum::body::Body,
    _observed: AccessLogEntry,
}

impl Body for LoggedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
