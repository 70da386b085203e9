//! The opening handshake, RFC 6455 §4.2: the checks before there is a socket, and the response that opens one.

use axum::{body::Body, extract::FromRequestParts, response::Response};
use base64::{Engine, engine::general_purpose::STANDARD};
use hyper::{
    HeaderMap, Method, StatusCode,
    header::{
        CONNECTION, HeaderName, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL,
        SEC_WEBSOCKET_VERSION, UPGRADE,
    },
    http::request::Parts,
    upgrade::OnUpgrade,
};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::{FrameRateLimit, Socket, origin_check};
use crate::{
    config::Secret,
    http::{Shared, extract::bearer, handshake_refusal::HandshakeRefusal, problem::ApiError},
};

/// The only supported sub-protocol.
const SUBPROTOCOL: &str = "mcpchat.v1";
/// A sub-protocol that carries a token, for browsers, which can set no header.
const TOKEN_PREFIX: &str = "bearer.";

/// A checked request that may become a socket.
pub(super) struct Upgrade {
    /// The client's token, if it has sent one.
    pub(super) token: Option<Secret>,
    accept: String,
    selects_subprotocol: bool,
    on_upgrade: OnUpgrade,
}

impl FromRequestParts<Shared> for Upgrade {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Shared) -> Result<Self, ApiError> {
        refuse_token_in_url(parts.uri.query().unwrap_or_default())?;
        let on_upgrade = parts.extensions.remove::<OnUpgrade>().filter(|_| asks_for_upgrade(parts));
        let on_upgrade = on_upgrade.ok_or(HandshakeRefusal::NoUpgrade)?;
        let headers = &parts.headers;
        if only(headers, &SEC_WEBSOCKET_VERSION) != Some("13") {
            return Err(HandshakeRefusal::Version.into());
        }
        let accept = only(headers, &SEC_WEBSOCKET_KEY).filter(|key| is_key(key)).ok_or(HandshakeRefusal::Key)?;
        origin_check::check(headers, &app.config().server.allowed_origins)?;
        let offered: Vec<&str> = tokens(headers, &SEC_WEBSOCKET_PROTOCOL).collect();
        let selects_subprotocol = offered.contains(&SUBPROTOCOL);
        if !offered.is_empty() && !selects_subprotocol {
            return Err(HandshakeRefusal::Subprotocol.into());
        }
        let token = shown_token(headers, &offered)?;
        Ok(Self { token, accept: derive_accept_key(accept.as_bytes()), selects_subprotocol, on_upgrade })
    }
}

impl Upgrade {
    /// Responds with 101, and runs `talk` with the socket once the response is sent.
    pub(super) fn accept<F>(
        self,
        app: &Shared,
        max_message: usize,
        flood: FrameRateLimit,
        talk: impl FnOnce(Socket) -> F + Send + 'static,
    ) -> Response
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let (server, gauge) = (&app.config().server, app.metrics().websocket_connections.clone());
        let (heartbeat, write_timeout) = (server.ws_heartbeat, server.ws_write_timeout);
        app.spawn_socket(async move {
            match self.on_upgrade.await {
                Ok(upgraded) => {
                    talk(Socket::new(upgraded, max_message, heartbeat, write_timeout, flood, gauge).await).await
                }
                Err(error) => tracing::debug!(%error, "a connection broke off before it was a WebSocket"),
            }
        });
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        let headers = response.headers_mut();
        headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        let accept = HeaderValue::from_str(&self.accept).expect("base64 is plain");
        headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
        if self.selects_subprotocol {
            headers.insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(SUBPROTOCOL));
        }
        response
    }
}

fn refuse_token_in_url(query: &str) -> Result<(), HandshakeRefusal> {
    let is_token = |name: &str| matches!(name, "token" | "access_token" | "auth" | "authorization" | "api_key" | "jwt");
    let has_token = url::form_urlencoded::parse(query.as_bytes()).any(|(name, _)| is_token(&name.to_ascii_lowercase()));
    if has_token { Err(HandshakeRefusal::TokenInUrl) } else { Ok(()) }
}

fn asks_for_upgrade(parts: &Parts) -> bool {
    let names = |header, wanted: &str| tokens(&parts.headers, header).any(|token| token.eq_ignore_ascii_case(wanted));
    parts.method == Method::GET && names(&CONNECTION, "upgrade") && names(&UPGRADE, "websocket")
}

fn is_key(text: &str) -> bool {
    STANDARD.decode(text).is_ok_and(|bytes| bytes.len() == 16)
}

/// The token from the header or the sub-protocols. Errors: both have one.
fn shown_token(headers: &HeaderMap, offered: &[&str]) -> Result<Option<Secret>, HandshakeRefusal> {
    let mut shown =
        bearer(headers).into_iter().chain(offered.iter().filter_map(|name| name.strip_prefix(TOKEN_PREFIX)));
    let token = shown.next().map(Secret::new);
    if shown.next().is_some() { Err(HandshakeRefusal::TwoTokens) } else { Ok(token) }
}

/// The value of a header that has to be there once.
fn only<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    let mut lines = headers.get_all(name).iter();
    let line = lines.next()?.to_str().ok()?.trim();
    if lines.next().is_some() { None } else { Some(line) }
}

/// The members of a header that is a list.
fn tokens<'h>(headers: &'h HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'h str> {
    let lines = headers.get_all(name).into_iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).map(str::trim).filter(|token| !token.is_empty())
}
