//! `/ws`: turns over a WebSocket (RFC 6455).
//!
//! `handshake` and `browser` decide before there is a socket; `session` is what is said on one, from hello to goodbye, in
//! the words of `incoming` and `outgoing`; `open_turns` are the turns followed on it; `socket` carries frames, keeps the
//! heartbeat and bounds both directions; `close` says why a socket ends.

mod browser;
mod close;
mod flood;
mod handshake;
mod incoming;
mod open_turns;
mod outgoing;
mod refusal;
mod session;
mod socket;

use axum::{Router, extract::State, response::Response, routing::get};

pub(super) use self::refusal::Refusal;
use self::{flood::Flood, handshake::Upgrade, session::Session, socket::Socket};
use super::{Shared, fault::Result};
use crate::{app::Origin, config::Server};

pub(super) fn router(server: &Server) -> Router<Shared> {
    let router = Router::new().route("/ws", get(chat));
    if !server.ws_echo {
        return router;
    }
    tracing::warn!("`[server] ws_echo` is on: /api/v1/ws-echo serves everybody, without login");
    router.route("/ws-echo", get(echo))
}

async fn chat(State(app): State<Shared>, origin: Origin, upgrade: Upgrade) -> Result<Response> {
    let seat = match &upgrade.token {
        Some(token) => Some(app.seat(token.expose()).await?),
        None => app.still_takes_sockets().map(|()| None)?,
    };
    let session = Session::new(&app, origin, seat);
    Ok(upgrade.accept(&app, Flood::of_a_person(), |socket| session.run(socket)))
}

/// Diagnostic: sends back what it gets, through the same transport, for protocol test suites. Those flood on purpose.
async fn echo(State(app): State<Shared>, upgrade: Upgrade) -> Result<Response> {
    app.still_takes_sockets()?;
    let draining = std::sync::Arc::clone(&app);
    Ok(upgrade.accept(&app, Flood::boundless(), async move |mut socket: Socket| {
        let why = tokio::select! {
            why = socket.echo() => why,
            () = draining.until_draining() => close::Close::Restart,
        };
        socket.close(why).await;
    }))
}
