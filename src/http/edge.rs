//! What every request goes through: an id, a log line, its metrics; and the one place where a fault becomes a problem
//! document.

use std::net::IpAddr;

use axum::{
    body::Body,
    extract::{Request, State},
    middleware::Next,
    response::Response,
};
use hyper::{
    HeaderMap,
    header::{CONNECTION, CONTENT_TYPE, HeaderName, HeaderValue, USER_AGENT},
};
use ipnet::IpNet;

use super::{Shared, fault::Fault, listener::Peer, observed::Observed};
use crate::{app::Origin, terminal};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const MAX_REQUEST_ID: usize = 128;
const MAX_USER_AGENT: usize = 256;

pub(super) async fn edge(State(app): State<Shared>, mut request: Request, next: Next) -> Response {
    let origin = origin(&request, &app.config().server.trusted_proxies);
    let mut observed = Observed::begin(&app, origin.clone(), &mut request);
    request.extensions_mut().insert(origin.clone());

    let mut response = observed.waits().during(next.run(request)).await;
    if let Some(fault) = response.extensions_mut().remove::<Fault>() {
        log_fault(&fault, &origin, observed.route());
        response = write(&fault, &origin.request_id, &response);
    }
    let id = HeaderValue::from_str(&origin.request_id).expect("a request id is checked to be a header value");
    response.headers_mut().insert(REQUEST_ID, id);
    if app.is_draining() {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    observed.answered(response.status());
    response.map(|body| Body::new(observed.around(body)))
}

/// The problem document, with the headers that the router gave (`Allow`).
fn write(fault: &Fault, request_id: &str, given: &Response) -> Response {
    let document = serde_json::to_vec(&fault.problem(request_id)).expect("a problem is plain JSON");
    let mut response = Response::new(Body::from(document));
    *response.status_mut() = given.status();
    let headers = response.headers_mut();
    if let Some(allow) = given.headers().get(hyper::header::ALLOW) {
        headers.insert(hyper::header::ALLOW, allow.clone());
    }
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    headers.extend(fault.headers());
    response
}

/// Once, where it is handled: what is our fault loudly, what is the client's only on request.
pub(super) fn log_fault(fault: &Fault, origin: &Origin, route: &str) {
    let cause = if let Fault::App(error) = fault { error.own_cause().unwrap_or_default() } else { "" };
    let (request_id, code) = (&origin.request_id, fault.code());
    match fault.status() {
        500 => tracing::error!(%request_id, route, code, cause, "a request failed"),
        501.. => tracing::warn!(%request_id, route, code, cause, "a request could not be served"),
        _ => tracing::debug!(%request_id, route, code, "a request was refused"),
    }
}

fn origin(request: &Request, trusted: &[IpNet]) -> Origin {
    let headers = request.headers();
    let peer = request.extensions().get::<Peer>().map(|peer| peer.0.ip());
    let agent = headers.get(USER_AGENT).map(|agent| {
        let text: String = String::from_utf8_lossy(agent.as_bytes()).chars().take(MAX_USER_AGENT).collect();
        terminal::line(&text).into_owned()
    });
    Origin::http(peer.map(|peer| client_address(peer, headers, trusted)), agent, request_id(headers))
}

/// The client's, if it is short and plain; else a new one.
fn request_id(headers: &HeaderMap) -> String {
    let sane = |id: &&str| {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':' | '/' | '+' | '=');
        !id.is_empty() && id.len() <= MAX_REQUEST_ID && id.chars().all(plain)
    };
    let given = headers.get(REQUEST_ID).and_then(|id| id.to_str().ok()).filter(sane);
    given.map_or_else(|| uuid::Uuid::now_v7().to_string(), str::to_owned)
}

/// The last address of `X-Forwarded-For` that no trusted proxy wrote about itself; without a trusted peer, the peer.
fn client_address(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let is_trusted = |address: &IpAddr| trusted.iter().any(|net| net.contains(address));
    if !is_trusted(&peer) {
        return peer.to_canonical();
    }
    let lines: Vec<&str> = headers.get_all(FORWARDED_FOR).iter().filter_map(|line| line.to_str().ok()).collect();
    let mut client = peer;
    for hop in lines.join(",").rsplit(',') {
        let Ok(address) = hop.trim().parse::<IpAddr>() else { break };
        client = address;
        if !is_trusted(&address) {
            break;
        }
    }
    client.to_canonical()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(peer: &str, forwarded: &[&str], trusted: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for line in forwarded {
            headers.append(FORWARDED_FOR, HeaderValue::from_str(line).unwrap());
        }
        let trusted: Vec<IpNet> = trusted.iter().map(|net| net.parse().unwrap()).collect();
        client_address(peer.parse().unwrap(), &headers, &trusted).to_string()
    }

    #[test]
    fn forwarded_for_is_believed_from_trusted_proxies_only() {
        assert_eq!(address("9.9.9.9", &["1.2.3.4"], &[]), "9.9.9.9");
        assert_eq!(address("9.9.9.9", &["1.2.3.4"], &["10.0.0.0/8"]), "9.9.9.9");
        assert_eq!(address("10.0.0.1", &["1.2.3.4"], &["10.0.0.0/8"]), "1.2.3.4");
        assert_eq!(address("10.0.0.1", &["6.6.6.6, 1.2.3.4, 10.0.0.2"], &["10.0.0.0/8"]), "1.2.3.4");
        assert_eq!(address("10.0.0.1", &["6.6.6.6", "1.2.3.4"], &["10.0.0.0/8"]), "1.2.3.4");
        assert_eq!(address("10.0.0.1", &["junk"], &["10.0.0.0/8"]), "10.0.0.1");
        assert_eq!(address("::ffff:9.9.9.9", &[], &[]), "9.9.9.9");
    }

    #[test]
    fn only_a_sane_request_id_is_taken_over() {
        let of = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(REQUEST_ID, HeaderValue::from_str(text).unwrap());
            request_id(&headers)
        };
        assert_eq!(of("abc-1"), "abc-1");
        for bad in ["", "a b", "a\"b", &"x".repeat(129)] {
            assert_ne!(of(bad), bad);
        }
    }
}
