//! `/ws`: turns over a WebSocket (RFC 6455).
//!
//! `handshake` and `browser` check the request before there is a socket; `session` runs one socket, with the frames of
//! `incoming` and `outgoing`; `open_turns` are the turns followed on it; `socket` carries frames, keeps the heartbeat
//! and bounds both directions; `close` has the close reasons.

mod close;
mod frame_rate_limit;
mod handshake;
mod incoming;
mod open_turns;
mod origin_check;
mod outgoing;
mod session;
mod socket;

use axum::{Router, extract::State, response::Response, routing::get};
use utoipa_axum::{router::OpenApiRouter, routes};

use self::{frame_rate_limit::FrameRateLimit, handshake::Upgrade, session::Session, socket::Socket};
use super::{Shared, body::max_with_message, problem::Result};
use crate::{app::Origin, config::Server};

/// The longest message that the echo takes: the longest that protocol suites send (Autobahn 9.*).
const MAX_ECHO: usize = 16 * 1024 * 1024;

pub(super) fn router() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(chat))
}

/// Diagnostic routes, which an operator has to enable; no part of the API.
pub(super) fn diagnostics(server: &Server) -> Router<Shared> {
    if !server.ws_echo {
        return Router::new();
    }
    tracing::warn!("`[server] ws_echo` is on: /api/v1/ws-echo serves anyone, without login");
    Router::new().route("/ws-echo", get(echo))
}

/// Open a WebSocket
///
/// Many turns at once, as text frames of one JSON object each, sub-protocol `mcpchat.v1`. The token comes as a bearer
/// header, as the sub-protocol `bearer.<token>`, or in a first frame `{"type":"auth","token":…}` within 5 s; never in the
/// URL. From the client: `send {id, content, …}` with the members of `POST /api/v1/messages`, `resume {id, turn_id, after}`,
/// `cancel {id, turn_id}`, `ping`, `auth`. From the server: `welcome {user, heartbeat_secs}`, `turn`, `delta`, `snapshot`,
/// `done`, `error`, `pong`; those of a turn carry the client's `id`, `turn_id` and `seq`. Close codes: 1008 policy, 1009 a
/// frame of more than six of the longest message and 64 KiB, 1012 restart (resume elsewhere), 1013 the database is away, 4401 revoked or expired, 4408 the reader is too slow.
#[utoipa::path(
    get, path = "/ws", security((), ("access_token" = []), ("api_key" = [])),
    responses(
        (status = 101, description = "The connection is a WebSocket now"),
        (status = "2XX", description = "Never given: success is 101. Readers of descriptions want to see one of these"),
        (status = 400, description = "`malformed_handshake`, `unsupported_subprotocol`, `token_in_url`, `two_tokens`: the handshake opens no WebSocket"),
        (status = 401),
        (status = 403, description = "`foreign_origin`: pages of this site may not open WebSockets here"),
        (status = 426, description = "`upgrade_required`, `unsupported_websocket_version`: this is a WebSocket, version 13"),
        (status = 429, description = "`too_many_sockets`: the user has too many open"),
    )
)]
async fn chat(State(app): State<Shared>, origin: Origin, upgrade: Upgrade) -> Result<Response> {
    let permit = match &upgrade.token {
        Some(token) => Some(app.socket_permit(token.expose()).await?),
        None => None,
    };
    let session = Session::new(&app, origin, permit);
    let max_frame = max_with_message(&app.config().server);
    Ok(upgrade.accept(&app, max_frame, FrameRateLimit::standard(), |socket| session.run(socket)))
}

/// Diagnostic: echoes messages, through the same transport, for protocol test suites. Those flood on purpose.
async fn echo(State(app): State<Shared>, upgrade: Upgrade) -> Result<Response> {
    let draining = std::sync::Arc::clone(&app);
    Ok(upgrade.accept(&app, MAX_ECHO, FrameRateLimit::unlimited(), async move |mut socket: Socket| {
        let why = tokio::select! {
            why = socket.echo() => why,
            () = draining.until_draining() => close::Close::Restart,
        };
        socket.close(why).await;
    }))
}
