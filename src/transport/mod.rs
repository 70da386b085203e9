//! HTTP transport: accepts connections and serves HTTP/1.1 and HTTP/2 on them, with its own timeouts and limits.
//!
//! hyper parses, bounds heads and streams, and responds to what it cannot parse; the `Socket` below it and the
//! `ConnectionTimeouts` beside it bound how long a client may take, `ConnectionLimits` how many there may be.

#![expect(clippy::disallowed_methods, reason = "a refused connection is told so for a bounded time")]

mod connection;
mod connection_limits;
mod connection_timeouts;
mod error;
mod file_descriptors;
mod http1_chunks;
mod http1_framing;
mod http2_frames;
mod response_body;
mod socket;

use std::{convert::Infallible, net::SocketAddr, sync::Arc, time::Duration};

use axum::Router;
use hyper::{StatusCode, Version, body::Body, body::Incoming, header::CONNECTION, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::conn::auto::Builder,
};
use tokio::{
    io::AsyncWriteExt,
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    time::{sleep, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tower::ServiceExt;

use self::{
    connection::ShutdownSignals,
    connection_limits::{ConnectionPermit, LimitReached},
    connection_timeouts::{ConnectionTimeouts, Timeouts},
    error::RenderError,
    file_descriptors::Accepting,
    response_body::{RequestGuard, ResponseBody, StreamExecutor},
    socket::Socket,
};
pub(crate) use self::{
    connection_limits::ConnectionLimits, connection_timeouts::is_too_slow, error::TransportError,
    file_descriptors::raise_descriptor_limit, http1_framing::HeadDefect,
};
use crate::config;

/// The peer of a connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer {
    pub(crate) address: SocketAddr,
    /// The defect of the request's head that hyper lets pass.
    pub(crate) defect: Option<HeadDefect>,
}

/// Maximum size of request line and headers together.
pub const MAX_HEAD_BYTES: usize = 32 * 1024;
pub const MAX_HEADERS: usize = 100;
/// Requests at once on one HTTP/2 connection.
const MAX_STREAMS: u32 = 100;
/// Streams that an HTTP/2 client may open and reset before they are accepted (CVE-2023-44487), or have reset by its own
/// mistakes (CVE-2025-8671), before its connection is closed.
const MAX_RESET_STREAMS: usize = 20;
/// HTTP/2 window and send buffer per stream: bytes before the other side has to take them.
const STREAM_WINDOW: u32 = 64 * 1024;
const CONNECTION_WINDOW: u32 = 256 * 1024;
/// How long connections may take to close once all turns have ended.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(3);
/// How many refused connections get a response at the same time; others are just closed.
const MAX_REFUSALS: usize = 64;
const REFUSAL_TIMEOUT: Duration = Duration::from_secs(1);

/// Options of the connections of one listener.
pub(crate) struct ListenerOptions {
    times: Timeouts,
    connection_limits: ConnectionLimits,
    render_error: RenderError,
    /// Called for every connection that is refused.
    on_refused_connection: Box<dyn Fn(&'static str) + Send + Sync>,
}

impl ListenerOptions {
    pub(crate) fn new(
        server: &config::Server,
        connection_limits: ConnectionLimits,
        render_error: RenderError,
        on_refused_connection: impl Fn(&'static str) + Send + Sync + 'static,
    ) -> Self {
        let times = Timeouts { head: server.head_timeout, idle: server.idle_timeout, write: server.write_timeout };
        Self { times, connection_limits, render_error, on_refused_connection: Box::new(on_refused_connection) }
    }
}

/// Serves until `no_more` is cancelled, then accepts only the connections in the kernel's backlog, which would be reset
/// otherwise. Returns the connections that are still open.
pub(crate) async fn accept(
    listener: TcpListener,
    router: Router,
    options: ListenerOptions,
    no_more: &CancellationToken,
) -> Connections {
    let connections = Connections::new(&options.times);
    let mut accepting = Accepting::default();
    let welcome = |stream: TcpStream, peer: SocketAddr| match options.connection_limits.take(peer.ip()) {
        Ok(permit) => connections.serve(stream, peer, permit, &options, router.clone()),
        Err(full) => connections.refuse(stream, full, &options),
    };
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = no_more.cancelled() => break,
        };
        match accepted {
            Ok((stream, peer)) => {
                accepting.works();
                welcome(stream, peer);
            }
            Err(error) => sleep(accepting.failed(&error)).await,
        }
    }
    for (stream, peer) in waiting(listener) {
        welcome(stream, peer);
    }
    connections
}

fn waiting(listener: TcpListener) -> impl Iterator<Item = (TcpStream, SocketAddr)> {
    let listener = listener.into_std().ok();
    std::iter::from_fn(move || {
        // Does not block, as the listener is non-blocking; an error: the backlog is empty, or no descriptor is free.
        let (stream, peer) = listener.as_ref()?.accept().ok()?;
        stream.set_nonblocking(true).ok()?;
        Some((TcpStream::from_std(stream).ok()?, peer))
    })
}

fn builder(times: &Timeouts) -> Builder<StreamExecutor> {
    let mut builder = Builder::new(StreamExecutor { write_timeout: times.write });
    // `ConnectionTimeouts` has the timeout of heads: hyper's would count idle connections too.
    builder.http1().header_read_timeout(None).max_buf_size(MAX_HEAD_BYTES).max_headers(MAX_HEADERS);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(u32::try_from(MAX_HEAD_BYTES).expect("32 KiB is small"))
        .max_concurrent_streams(MAX_STREAMS)
        .max_pending_accept_reset_streams(MAX_RESET_STREAMS)
        .max_local_error_reset_streams(MAX_RESET_STREAMS)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buf_size(STREAM_WINDOW as usize)
        .keep_alive_interval(Duration::from_secs(20));
    builder
}

/// The open connections of one listener.
pub(crate) struct Connections {
    builder: Builder<StreamExecutor>,
    open: TaskTracker,
    /// Connections on which another request may come.
    may_receive: TaskTracker,
    leaving: CancellationToken,
    closing: CancellationToken,
    refusals: Arc<Semaphore>,
}

impl Connections {
    fn new(times: &Timeouts) -> Self {
        Self {
            builder: builder(times),
            open: TaskTracker::new(),
            may_receive: TaskTracker::new(),
            leaving: CancellationToken::new(),
            closing: CancellationToken::new(),
            refusals: Arc::new(Semaphore::new(MAX_REFUSALS)),
        }
    }

    fn serve(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        permit: ConnectionPermit,
        options: &ListenerOptions,
        router: Router,
    ) {
        // Without it a small response waits for the other side's acknowledgement, some 40 ms.
        stream.set_nodelay(true).ok();
        let activity = Arc::new(ConnectionTimeouts::new(options.times));
        let socket = Socket::new(stream, Arc::clone(&activity), permit, options.render_error);
        let reported = Arc::clone(&activity);
        let service = service_fn(move |request| answer(router.clone(), request, peer, Arc::clone(&reported)));
        let builder = self.builder.clone();
        let end = ShutdownSignals {
            leaving: self.leaving.clone(),
            closing: self.closing.clone(),
            may_receive: self.may_receive.token(),
        };
        self.open.spawn(async move {
            let connection = builder.serve_connection_with_upgrades(TokioIo::new(socket), service);
            connection::run(connection, |connection| connection.graceful_shutdown(), &activity, end, peer).await;
        });
    }

    /// Sends the reason, if one of `MAX_REFUSALS` is free, and closes.
    fn refuse(&self, mut stream: TcpStream, full: LimitReached, options: &ListenerOptions) {
        let (error, reason) = match full {
            LimitReached::Total => (TransportError::Overloaded, "connections"),
            LimitReached::PerAddress => (TransportError::TooManyConnections, "address"),
        };
        (options.on_refused_connection)(reason);
        let Ok(permit) = Arc::clone(&self.refusals).try_acquire_owned() else { return };
        let response = (options.render_error)(error);
        tokio::spawn(async move {
            let telling = async {
                stream.write_all(&response).await?;
                stream.shutdown().await?;
                tokio::io::copy(&mut stream, &mut tokio::io::sink()).await
            };
            timeout(REFUSAL_TIMEOUT, telling).await.ok();
            drop(permit);
        });
    }

    /// Drains: serves requests on open connections, each response the last on its connection, until no more can come,
    /// or `time` is over. An idle connection is not closed at once: a proxy that has chosen it would fail a request.
    pub(crate) async fn leave(&self, time: Duration) {
        self.leaving.cancel();
        self.may_receive.close();
        timeout(time, self.may_receive.wait()).await.ok();
    }

    /// Lets requests in flight finish, and closes what is left then.
    pub(crate) async fn close(self) {
        self.closing.cancel();
        self.open.close();
        timeout(CLOSE_TIMEOUT, self.open.wait()).await.ok();
    }
}

async fn answer(
    router: Router,
    mut request: hyper::Request<Incoming>,
    peer: SocketAddr,
    activity: Arc<ConnectionTimeouts>,
) -> Result<hyper::Response<ResponseBody>, Infallible> {
    let is_http2 = request.version() == Version::HTTP_2;
    let defect = activity.request_begins(is_http2, !request.body().is_end_stream());
    let at_work = RequestGuard::new(Arc::clone(&activity), is_http2);
    request.extensions_mut().insert(Peer { address: peer, defect });
    let response = router.oneshot(request).await?;
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        activity.upgraded();
    }
    if response.headers().get(CONNECTION).is_some_and(|value| value == "close") {
        activity.answers_last();
    }
    Ok(response.map(|body| at_work.deliver(body)))
}
