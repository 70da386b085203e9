//! Server lifecycle: open the listeners, serve, and on a signal drain.

#![expect(clippy::disallowed_methods, reason = "the listener of the metrics ends with the service, which waits for it")]

use std::{net::SocketAddr, sync::Arc, time::Instant};

use axum::{
    Router,
    extract::State,
    response::{IntoResponse, Response},
    routing::get,
};
use hyper::header::CONTENT_TYPE;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::{Shared, problem, router};
use crate::{
    app::App,
    metrics,
    transport::{self, ConnectionLimits, ListenerOptions},
};

/// Maximum number of connections to the metrics' listener.
const MAX_SCRAPERS: usize = 64;

/// The addresses of a running service.
#[derive(Clone, Copy, Debug)]
pub struct Addresses {
    pub api: SocketAddr,
    pub metrics: Option<SocketAddr>,
}

/// Serves until `stop` is cancelled, then drains: not ready at once, no new connections once the load balancers have
/// seen that; requests on open connections are served, and these close behind them; running turns finish up to the
/// drain timeout. `announce` gets the addresses. Errors: a listener that cannot be opened.
pub async fn serve(app: Arc<App>, stop: CancellationToken, announce: impl FnOnce(Addresses)) -> std::io::Result<()> {
    let server = &app.config().server;
    let api = TcpListener::bind(server.listen).await.map_err(|error| named(&error, server.listen))?;
    let metrics = match server.metrics_listen {
        Some(address) => Some(TcpListener::bind(address).await.map_err(|error| named(&error, address))?),
        None => None,
    };
    announce(Addresses { api: api.local_addr()?, metrics: metrics.as_ref().map(TcpListener::local_addr).transpose()? });
    let end = CancellationToken::new();
    let metrics_served = metrics.map(|listener| {
        let (router, end) = (metrics_router(Arc::clone(&app)), end.clone());
        let options = options(&app, ConnectionLimits::new(MAX_SCRAPERS, MAX_SCRAPERS, &[]));
        tokio::spawn(async move { transport::accept(listener, router, options, &end).await.close().await })
    });
    let room = transport::raise_descriptor_limit(server.max_connections);
    let connection_limits = ConnectionLimits::new(room, server.max_connections_per_address, &server.trusted_proxies);
    let closed = CancellationToken::new();
    let leaving = async {
        stop.cancelled().await;
        tracing::info!("draining");
        let left = app.leave().await;
        closed.cancel();
        left
    };
    let accepting = transport::accept(api, router(Arc::clone(&app)), options(&app, connection_limits), &closed);
    let (connections, left) = tokio::join!(accepting, leaving);
    let due = Instant::now() + left;
    connections.leave(left).await;
    app.drain(due.saturating_duration_since(Instant::now())).await;
    connections.close().await;
    end.cancel();
    if let Some(served) = metrics_served {
        served.await.ok();
    }
    tracing::info!("stopped");
    Ok(())
}

/// The listener's options from the configuration, with these connection limits.
fn options(app: &Shared, connection_limits: ConnectionLimits) -> ListenerOptions {
    let shed = Arc::clone(app);
    let on_refused_connection =
        move |reason: &'static str| shed.metrics().requests_shed_total.with_label_values(&[reason]).inc();
    ListenerOptions::new(&app.config().server, connection_limits, problem::transport_response, on_refused_connection)
}

fn named(error: &std::io::Error, address: SocketAddr) -> std::io::Error {
    std::io::Error::new(error.kind(), format!("cannot listen on {address}: {error}"))
}

/// The metrics have a listener of their own, so that they are not public by accident.
fn metrics_router(app: Shared) -> Router {
    Router::new().route("/metrics", get(render)).with_state(app)
}

async fn render(State(app): State<Shared>) -> Response {
    app.refresh_gauges();
    ([(CONTENT_TYPE, metrics::CONTENT_TYPE)], app.metrics().render()).into_response()
}
