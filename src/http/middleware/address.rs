//! The client's address and path prefix of a request, which only trusted proxies may forward.

use std::net::{IpAddr, SocketAddr};

use hyper::{
    HeaderMap,
    header::{FORWARDED, HeaderName},
};
use ipnet::IpNet;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PREFIX: HeaderName = HeaderName::from_static("x-forwarded-prefix");
const REAL_IP: HeaderName = HeaderName::from_static("x-real-ip");

/// The last address of `X-Forwarded-For` that is not a trusted proxy's own; without a trusted peer, the peer.
pub(super) fn client_address(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let mut client = peer.to_canonical();
    if !is_trusted(client, trusted) {
        return client;
    }
    let lines = headers.get_all(FORWARDED_FOR).iter().rev();
    for hop in lines.flat_map(|line| line.to_str().unwrap_or_default().rsplit(',')) {
        let Some(address) = hop_address(hop.trim()) else { break };
        client = address.to_canonical();
        if !is_trusted(client, trusted) {
            break;
        }
    }
    client
}

/// The path prefix that a trusted proxy has stripped (`X-Forwarded-Prefix`), for the server's own URL in documents.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::http) struct Prefix(pub(in crate::http) String);

impl Prefix {
    pub(super) fn of(peer: Option<IpAddr>, headers: &HeaderMap, trusted: &[IpNet]) -> Self {
        let is_trusted = peer.is_some_and(|peer| is_trusted(peer, trusted));
        let given = headers.get(FORWARDED_PREFIX).filter(|_| is_trusted).and_then(|line| line.to_str().ok());
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '-' | '_' | '.' | '~');
        let path = given.unwrap_or_default().trim_end_matches('/');
        let is_path = path.starts_with('/') && !path.contains("//") && path.chars().all(plain);
        Self(if is_path { path.to_owned() } else { String::new() })
    }
}

/// Whether an untrusted peer sends forwarding headers.
pub(super) fn is_untrusted_proxy(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> bool {
    let speaks_for_others = [FORWARDED_FOR, FORWARDED, REAL_IP].iter().any(|name| headers.contains_key(name));
    speaks_for_others && !is_trusted(peer, trusted)
}

/// A listener on `[::]` sees IPv4 peers as `::ffff:10.0.0.1`, which is in no IPv4 network.
fn is_trusted(address: IpAddr, trusted: &[IpNet]) -> bool {
    let address = address.to_canonical();
    trusted.iter().any(|net| net.contains(&address))
}

/// Parses an address; some proxies write the port too.
fn hop_address(hop: &str) -> Option<IpAddr> {
    hop.parse().ok().or_else(|| hop.parse().ok().map(|address: SocketAddr| address.ip()))
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

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
    fn forwarded_for_counts_from_trusted_proxies_only() {
        assert_eq!(address("9.9.9.9", &["1.2.3.4"], &[]), "9.9.9.9");
        assert_eq!(address("9.9.9.9", &["1.2.3.4"], &["10.0.0.0/8"]), "9.9.9.9");
        assert_eq!(address("10.0.0.1", &["1.2.3.4"], &["10.0.0.0/8"]), "1.2.3.4");
        assert_eq!(address("10.0.0.1", &["6.6.6.6, 1.2.3.4, 10.0.0.2"], &["10.0.0.0/8"]), "1.2.3.4");
        assert_eq!(address("10.0.0.1", &["6.6.6.6", "1.2.3.4"], &["10.0.0.0/8"]), "1.2.3.4");
        assert_eq!(address("10.0.0.1", &["junk"], &["10.0.0.0/8"]), "10.0.0.1");
        assert_eq!(address("10.0.0.1", &["1.2.3.4, junk"], &["10.0.0.0/8"]), "10.0.0.1");
        assert_eq!(address("::ffff:9.9.9.9", &[], &[]), "9.9.9.9");
    }

    #[test]
    fn a_prefix_is_a_plain_path_of_a_trusted_proxy() {
        let prefix = |text: &'static str, peer: &str| {
            let headers = HeaderMap::from_iter([(FORWARDED_PREFIX, HeaderValue::from_static(text))]);
            Prefix::of(peer.parse().ok(), &headers, &["10.0.0.0/8".parse().unwrap()]).0
        };
        assert_eq!(prefix("/chat", "10.0.0.1"), "/chat");
        assert_eq!(prefix("/a/b-c/", "10.0.0.1"), "/a/b-c");
        for wrong in ["chat", "//evil.example", "/a\"b", "/a b", "https://evil.example", "/", ""] {
            assert_eq!(prefix(wrong, "10.0.0.1"), "", "{wrong}");
        }
        assert_eq!(prefix("/chat", "9.9.9.9"), "");
    }

    #[test]
    fn an_address_is_the_same_however_it_is_written() {
        assert_eq!(address("::ffff:10.0.0.1", &["1.2.3.4"], &["10.0.0.0/8"]), "1.2.3.4");
        assert_eq!(address("10.0.0.1", &["1.2.3.4, ::ffff:10.0.0.2"], &["10.0.0.0/8"]), "1.2.3.4");
        assert_eq!(address("10.0.0.1", &["1.2.3.4:5678"], &["10.0.0.0/8"]), "1.2.3.4");
        assert_eq!(address("10.0.0.1", &["[2001:db8::7]:5678"], &["10.0.0.0/8"]), "2001:db8::7");
    }
}
