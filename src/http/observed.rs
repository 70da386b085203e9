//! A response body that, when it has gone or its client has, writes the request's log line and metrics.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Instant,
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::StatusCode;

use super::Shared;
use crate::app::Origin;

/// What is known about a request; recorded when dropped.
pub(super) struct Observed {
    app: Shared,
    origin: Origin,
    method: &'static str,
    route: String,
    status: StatusCode,
    since: Instant,
}

impl Observed {
    pub(super) fn new(
        app: Shared,
        origin: Origin,
        method: &'static str,
        route: String,
        status: StatusCode,
        since: Instant,
    ) -> Self {
        Self { app, origin, method, route, status, since }
    }

    pub(super) fn around(self, body: axum::body::Body) -> ObservedBody {
        ObservedBody { body, _observed: self }
    }
}

impl Drop for Observed {
    fn drop(&mut self) {
        let took = self.since.elapsed();
        let metrics = self.app.metrics();
        metrics.http_requests_total.with_label_values(&[self.method, &self.route, self.status.as_str()]).inc();
        metrics.http_request_duration_seconds.with_label_values(&[&self.route]).observe(took.as_secs_f64());
        tracing::info!(
            method = self.method,
            route = %self.route,
            status = self.status.as_u16(),
            duration_ms = took.as_secs_f64() * 1e3,
            address = self.origin.address.map(tracing::field::display),
            request_id = %self.origin.request_id,
            "request"
        );
    }
}

pub(super) struct ObservedBody {
    body: axum::body::Body,
    _observed: Observed,
}

impl Body for ObservedBody {
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
