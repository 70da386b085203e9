//! Middleware of every request: its id, HTTP checks, load shedding, access log and metrics; and the one place where a
//! fault becomes a problem document.

pub(super) mod access_log;
mod address;
mod capacity;
mod http_rules;
mod panics;
mod unread_body;

use axum::{
    body::Body,
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use hyper::{
    HeaderMap, Method, StatusCode, Version,
    header::{
        CACHE_CONTROL, CONNECTION, CONTENT_TYPE, HeaderName, HeaderValue, REFERRER_POLICY, USER_AGENT,
        X_CONTENT_TYPE_OPTIONS,
    },
};
use ipnet::IpNet;

use self::unread_body::Unread;
pub(super) use self::{
    address::Prefix,
    capacity::{Capacity, CapacityPermit},
};
use super::{
    Shared,
    middleware::access_log::AccessLogEntry,
    problem::{ApiError, PROBLEM_TYPE},
    sse::ProblemCode,
};
use crate::{app::Origin, terminal, transport::Peer};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const MAX_REQUEST_ID: usize = 128;
const MAX_USER_AGENT: usize = 256;

pub(super) async fn middleware_stack(
    State((app, capacity)): State<(Shared, Capacity)>,
    mut request: Request,
    next: Next,
) -> Response {
    let trusted = &app.config().server.trusted_proxies;
    let origin = origin(&request, trusted);
    let mut log_entry = AccessLogEntry::begin(&app, origin.clone(), &mut request);
    let (method, version) = (request.method().clone(), request.version());
    request.extensions_mut().insert(origin.clone());
    let peer = request.extensions().get::<Peer>().map(|peer| peer.address.ip());
    if let Some(peer) = peer.filter(|peer| address::is_untrusted_proxy(*peer, request.headers(), trusted)) {
        app.note_untrusted_proxy(peer);
    }
    let prefix = Prefix::of(peer, request.headers(), trusted);
    request.extensions_mut().insert(prefix);

    let (request, unread) = Unread::of(request);
    let answer = answer(&capacity, log_entry.route(), request, next);
    let mut response = log_entry.waits().during(answer).await;
    let mut fault = response.extensions_mut().remove::<ApiError>();
    let broken = unread.discard(fault.as_ref(), app.config().server.body_timeout).await;
    fault = fault.map(|fault| broken.unwrap_or(fault));
    let closes = app.is_draining() || fault.as_ref().is_some_and(ApiError::closes);
    if let Some(fault) = fault {
        response = written(&fault, &method, &origin, log_entry.route());
        if response.status().as_u16() >= 400 {
            log_entry.refused(&fault);
        }
    } else if let Some(ProblemCode(code)) = response.extensions_mut().remove() {
        log_entry.failed(code);
    }
    add_headers(response.headers_mut(), &origin.request_id);
    if closes && version != Version::HTTP_2 {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    log_entry.answered(response.status());
    response.map(|body| Body::new(log_entry.around(body)))
}

async fn answer(capacity: &Capacity, route: &str, mut request: Request, next: Next) -> Response {
    let defect = request.extensions().get::<Peer>().and_then(|peer| peer.defect);
    if let Err(fault) = http_rules::check(&request, defect) {
        return fault.into_response();
    }
    let in_work = match capacity.take(route) {
        Ok(in_work) => in_work,
        Err(fault) => return fault.into_response(),
    };
    request.extensions_mut().insert(in_work.clone());
    let response = panics::caught(next.run(request)).await;
    in_work.is_over();
    response
}

/// Logs the fault and writes its response; OPTIONS on a route is no fault. The router adds `Allow` to both.
fn written(fault: &ApiError, method: &Method, origin: &Origin, route: &str) -> Response {
    if matches!(fault, ApiError::NoMethod) && method == Method::OPTIONS {
        return StatusCode::NO_CONTENT.into_response();
    }
    log_fault(fault, origin, route);
    document(fault, &origin.request_id)
}

fn document(fault: &ApiError, request_id: &str) -> Response {
    let document = serde_json::to_vec(&fault.problem(request_id)).expect("a problem is plain JSON");
    let mut response = Response::new(Body::from(document));
    *response.status_mut() = StatusCode::from_u16(fault.status()).expect("statuses are constants in range");
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(PROBLEM_TYPE));
    headers.extend(fault.headers());
    response
}

/// Adds the request id, and headers against caching, sniffing and referrers.
fn add_headers(headers: &mut HeaderMap, request_id: &str) {
    let id = HeaderValue::from_str(request_id).expect("a request id is checked to be a header value");
    headers.insert(REQUEST_ID, id);
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.entry(REFERRER_POLICY).or_insert(HeaderValue::from_static("no-referrer"));
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
}

/// Logs a fault once, where it is handled: the server's as warnings and errors, the client's at debug level.
pub(super) fn log_fault(fault: &ApiError, origin: &Origin, route: &str) {
    let cause = if let ApiError::App(error) = fault { error.own_cause().unwrap_or_default() } else { String::new() };
    let (request_id, code) = (&origin.request_id, fault.code());
    match fault.status() {
        500 if matches!(fault, ApiError::Panicked) => {}
        500 => tracing::error!(%request_id, route, code, cause, "a request failed"),
        501.. => tracing::warn!(%request_id, route, code, cause, "a request could not be served"),
        _ => tracing::debug!(%request_id, route, code, "a request was refused"),
    }
}

fn origin(request: &Request, trusted: &[IpNet]) -> Origin {
    let headers = request.headers();
    let peer = request.extensions().get::<Peer>().map(|peer| peer.address.ip());
    let agent = headers.get(USER_AGENT).map(|agent| {
        let text: String = String::from_utf8_lossy(agent.as_bytes()).chars().take(MAX_USER_AGENT).collect();
        terminal::line(&text).into_owned()
    });
    Origin::http(peer.map(|peer| address::client_address(peer, headers, trusted)), agent, request_id(headers))
}

/// The client's request id, if it is short and plain; else a new one.
fn request_id(headers: &HeaderMap) -> String {
    let sane = |id: &&str| {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':' | '/' | '+' | '=');
        !id.is_empty() && id.len() <= MAX_REQUEST_ID && id.chars().all(plain)
    };
    let given = headers.get(REQUEST_ID).and_then(|id| id.to_str().ok()).filter(sane);
    given.map_or_else(|| uuid::Uuid::now_v7().to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

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
