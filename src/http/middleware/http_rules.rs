//! Checks of HTTP that hyper leaves to the server. A request that two parsers could read in two ways is refused, since
//! one of them may be a proxy that has let it pass (RFC 9112 §11.2).

use std::str::FromStr;

use axum::extract::Request;
use hyper::{
    HeaderMap, Method, Uri, Version,
    header::{AUTHORIZATION, EXPECT, HOST, TRANSFER_ENCODING},
    http::uri::Authority,
};

use crate::{
    http::problem::{ApiError, Result},
    transport::HeadDefect,
};

const MAX_URL: usize = 8 * 1024;

/// Checks a request. `defect`: the defect of its head that hyper lets pass.
pub(super) fn check(request: &Request, defect: Option<HeadDefect>) -> Result<()> {
    let (method, uri, headers) = (request.method(), request.uri(), request.headers());
    if let Some(defect) = defect {
        return Err(bad(defect.detail()));
    }
    if *method == Method::CONNECT {
        return Err(ApiError::NotImplemented(format!("the method {method} is not for this server")));
    }
    check_url(method, uri)?;
    check_host(request.version(), uri, headers)?;
    check_coding(headers)?;
    check_authorization(headers)?;
    match headers.get(EXPECT) {
        Some(expectation) if !expectation.as_bytes().eq_ignore_ascii_case(b"100-continue") => {
            Err(ApiError::Expectation)
        }
        _ => Ok(()),
    }
}

fn check_url(method: &Method, uri: &Uri) -> Result<()> {
    if uri.path_and_query().is_some_and(|path| path.as_str().len() > MAX_URL) {
        return Err(ApiError::UrlTooLong);
    }
    let is_fine = uri.path().starts_with('/') || (uri.path() == "*" && *method == Method::OPTIONS);
    if is_fine { Ok(()) } else { Err(bad("the request target has to be a path")) }
}

/// Checks `Host` (RFC 9112 §3.2): exactly one, valid, and the same as in the target if that has one. HTTP/1.0 does not
/// need one; HTTP/2 has it in the target.
fn check_host(version: Version, uri: &Uri, headers: &HeaderMap) -> Result<()> {
    let mut given = headers.get_all(HOST).iter();
    let host = match (given.next(), given.next()) {
        (Some(_), Some(_)) => return Err(bad("there are two Host headers; send one")),
        (Some(host), None) => Some(host.to_str().ok().and_then(authority).ok_or_else(|| bad("the Host is not valid"))?),
        (None, _) => None,
    };
    if uri.authority().is_some_and(|target| !is_host(target)) {
        return Err(bad("the authority in the request target is not a host"));
    }
    match (host, uri.authority()) {
        (None, None) if version != Version::HTTP_10 => Err(bad("the Host header is missing")),
        (None, Some(_)) if version == Version::HTTP_11 => Err(bad("the Host header is missing")),
        (Some(host), Some(target)) if host != *target => Err(bad("the Host is another one in the request target")),
        _ => Ok(()),
    }
}

fn authority(text: &str) -> Option<Authority> {
    Authority::from_str(text).ok().filter(is_host)
}

/// Whether it is a host (RFC 9110 §4.2.4, RFC 9113 §8.3.1): no user name; behind the colon a port or nothing.
fn is_host(authority: &Authority) -> bool {
    let text = authority.as_str();
    let port = text.get(authority.host().len()..).unwrap_or_default();
    !text.contains('@')
        && !authority.host().is_empty()
        && (port.is_empty() || port == ":" || authority.port_u16().is_some())
}

/// Checks the transfer coding (RFC 9112 §6.1): only `chunked` is supported.
fn check_coding(headers: &HeaderMap) -> Result<()> {
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    let Some(coding) = codings.next() else { return Ok(()) };
    if !coding.as_bytes().eq_ignore_ascii_case(b"chunked") || codings.next().is_some() {
        return Err(ApiError::NotImplemented("the only transfer coding taken is `chunked`".into()));
    }
    Ok(())
}

/// Checks that there is one `Authorization` (RFC 9110 §5.3): of two, a proxy may have checked the other one.
fn check_authorization(headers: &HeaderMap) -> Result<()> {
    match headers.get_all(AUTHORIZATION).iter().count() {
        0 | 1 => Ok(()),
        _ => Err(bad("there are two Authorization headers; send one")),
    }
}

fn bad(detail: &str) -> ApiError {
    ApiError::BadRequest(detail.into())
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    fn code(version: Version, method: &str, target: &str, headers: &[(&str, &str)]) -> Option<u16> {
        let builder = Request::builder().version(version).method(method).uri(target);
        let builder = headers.iter().fold(builder, |builder, (name, value)| builder.header(*name, *value));
        check(&builder.body(Body::empty()).unwrap(), None).err().map(|fault| fault.status())
    }

    #[test]
    fn a_host_is_one_and_the_same() {
        let (old, http1, http2) = (Version::HTTP_10, Version::HTTP_11, Version::HTTP_2);
        assert_eq!(code(http1, "GET", "/", &[("host", "chat.example:8080")]), None);
        assert_eq!(code(http1, "GET", "/", &[("host", "[::1]:8080")]), None);
        assert_eq!(code(http1, "GET", "/", &[]), Some(400));
        assert_eq!(code(old, "GET", "/", &[]), None);
        assert_eq!(code(old, "GET", "/", &[("host", "a"), ("host", "a")]), Some(400));
        for host in ["", "a b", "a/b", "user@a", "a:b", "a:99999", "a:80:80", ":80"] {
            assert_eq!(code(http1, "GET", "/", &[("host", host)]), Some(400), "{host:?}");
        }
        assert_eq!(code(http1, "GET", "http://A.example/x", &[("host", "a.example")]), None);
        assert_eq!(code(http1, "GET", "http://a.example/x", &[("host", "b.example")]), Some(400));
        assert_eq!(code(http1, "GET", "http://a.example/x", &[]), Some(400));
        assert_eq!(code(http2, "GET", "http://a.example/x", &[]), None);
        assert_eq!(code(http2, "GET", "http://a.example:/x", &[]), None);
        for target in
            ["http://me@a.example/x", "http://me:pw@a.example/x", "http://@a.example/x", "http://a.example:x/x"]
        {
            let built = Request::builder().uri(target).body(()).is_ok();
            assert!(!built || code(http2, "GET", target, &[]) == Some(400), "{target}");
            assert!(!built || code(http1, "GET", target, &[("host", "a.example")]) == Some(400), "{target}");
        }
        assert_eq!(code(http2, "GET", "http://a.example/x", &[("host", "b.example")]), Some(400));
    }

    #[test]
    fn authorization_stands_once() {
        let (host, one, other) = (("host", "a"), ("authorization", "Bearer a"), ("authorization", "Basic b"));
        assert_eq!(code(Version::HTTP_11, "GET", "/", &[host, one]), None);
        for twice in [[host, one, one], [host, one, other], [host, other, one]] {
            assert_eq!(code(Version::HTTP_11, "GET", "/", &twice), Some(400));
        }
    }

    #[test]
    fn what_is_not_for_servers_like_this_one_is_refused() {
        let host = ("host", "a");
        assert_eq!(code(Version::HTTP_11, "CONNECT", "a:443", &[host]), Some(501));
        assert_eq!(code(Version::HTTP_11, "TRACE", "/", &[host]), None, "the router says which methods there are");
        assert_eq!(code(Version::HTTP_11, "GET", "a:443", &[host]), Some(400));
        assert_eq!(code(Version::HTTP_11, "POST", "/", &[host, ("transfer-encoding", "gzip, chunked")]), Some(501));
        assert_eq!(code(Version::HTTP_11, "POST", "/", &[host, ("expect", "the-worst")]), Some(417));
        assert_eq!(code(Version::HTTP_11, "GET", &format!("/{}", "a".repeat(MAX_URL)), &[host]), Some(414));
        assert_eq!(code(Version::HTTP_11, "GET", &format!("/{}", "a".repeat(MAX_URL - 1)), &[host]), None);
    }
}
