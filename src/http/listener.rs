//! Accepting connections and serving HTTP/1.1 and HTTP/2 on them, under our own times and sizes.

use std::{net::SocketAddr, time::Duration};

use axum::Router;
use hyper::body::Incoming;
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto::Builder, graceful::GracefulShutdown},
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

/// The other end of a connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer(pub(super) SocketAddr);

/// A request head has to arrive in this time.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// Request line and headers together.
const MAX_HEAD_BYTES: usize = 64 * 1024;
const MAX_HEADERS: usize = 100;
const MAX_STREAMS: u32 = 100;
/// How long to wait where accepting fails for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// How long connections may take to close once all turns have ended.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(3);

/// Serves until `no_more` is cancelled, then accepts nothing new; returns the connections that are still open.
pub(super) async fn accept(listener: TcpListener, router: Router, no_more: &CancellationToken) -> Connections {
    let connections = Connections(GracefulShutdown::new());
    let builder = builder();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = no_more.cancelled() => return connections,
        };
        match accepted {
            Ok((stream, peer)) => connections.serve(&builder, stream, peer, router.clone()),
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

fn builder() -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(MAX_HEAD_BYTES)
        .max_headers(MAX_HEADERS);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(u32::try_from(MAX_HEAD_BYTES).expect("64 KiB is small"))
        .max_concurrent_streams(MAX_STREAMS)
        .keep_alive_interval(Duration::from_secs(20));
    builder
}

/// The open connections of one listener.
pub(super) struct Connections(GracefulShutdown);

impl Connections {
    fn serve(&self, builder: &Builder<TokioExecutor>, stream: TcpStream, peer: SocketAddr, router: Router) {
        // Without it a small answer waits for the other side's acknowledgement, some 40 ms.
        stream.set_nodelay(true).ok();
        let service = router.map_request(move |mut request: hyper::Request<Incoming>| {
            request.extensions_mut().insert(Peer(peer));
            request
        });
        let connection = builder
            .serve_connection_with_upgrades(TokioIo::new(stream), TowerToHyperService::new(service))
            .into_owned();
        let watched = self.0.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = watched.await {
                tracing::debug!(%error, %peer, "a connection broke off");
            }
        });
    }

    /// Lets requests in flight finish, and closes what is left then.
    pub(super) async fn close(self) {
        timeout(CLOSE_TIMEOUT, self.0.shutdown()).await.ok();
    }
}
