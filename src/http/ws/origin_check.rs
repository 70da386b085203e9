//! Origin check of the handshake (RFC 6455 §10.2). A browser sends the header Origin, which no page can forge; without
//! this check any page could use what the browser is trusted with. Programs send none and pass.

use hyper::{
    HeaderMap,
    header::{HOST, ORIGIN},
};
use url::{Origin, Url};

use crate::http::handshake_refusal::HandshakeRefusal;

/// Accepts pages of the requested host, and of the allowed sites.
pub(super) fn check(headers: &HeaderMap, allowed: &[Origin]) -> Result<(), HandshakeRefusal> {
    let mut lines = headers.get_all(ORIGIN).iter();
    let Some(line) = lines.next() else { return Ok(()) };
    let page = line.to_str().ok().and_then(|text| Url::parse(text).ok()).filter(|url| url.has_host());
    let page = page.filter(|_| lines.next().is_none()).ok_or(HandshakeRefusal::ForeignSite)?;
    let is_here = headers.get(HOST).and_then(|host| host.to_str().ok()).is_some_and(|host| {
        // Behind a proxy only the page knows whether it came over TLS, so its scheme is taken over.
        Url::parse(&format!("{}://{host}", page.scheme())).is_ok_and(|here| here.origin() == page.origin())
    });
    if is_here || allowed.contains(&page.origin()) { Ok(()) } else { Err(HandshakeRefusal::ForeignSite) }
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    fn may(origin: &[&str], host: &str, allowed: &[&str]) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, HeaderValue::from_str(host).unwrap());
        for line in origin {
            headers.append(ORIGIN, HeaderValue::from_str(line).unwrap());
        }
        let allowed: Vec<Origin> = allowed.iter().map(|site| Url::parse(site).unwrap().origin()).collect();
        check(&headers, &allowed).is_ok()
    }

    #[test]
    fn only_same_host_and_allowed_pages_may_connect() {
        assert!(may(&[], "chat.example", &[]), "a program");
        for same in ["https://chat.example", "http://chat.example", "https://CHAT.example", "https://chat.example:443"]
        {
            assert!(may(&[same], "chat.example", &[]), "{same}");
        }
        assert!(may(&["https://chat.example"], "chat.example:443", &[]));
        assert!(may(&["http://127.0.0.1:8080"], "127.0.0.1:8080", &[]));
        assert!(may(&["https://app.example"], "chat.example", &["https://app.example"]));
        for foreign in [
            "https://evil.example",
            "https://chat.example.evil",
            "https://chat.example:8443",
            "http://app.example",
            "null",
            "",
            "chat.example",
            "file:///etc/passwd",
        ] {
            assert!(!may(&[foreign], "chat.example", &["https://app.example"]), "{foreign}");
        }
        assert!(!may(&["https://chat.example", "https://evil.example"], "chat.example", &[]), "two");
    }
}
