//! Where a request comes from, and who counts as one there.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use hyper::{HeaderMap, header::HeaderName};
use ipnet::IpNet;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The last address of `X-Forwarded-For` that no trusted proxy wrote about itself; without a trusted peer, the peer.
pub(super) fn client_address(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let is_trusted = |address: &IpAddr| trusted.iter().any(|net| net.contains(address));
    // A listener on `[::]` sees IPv4 peers as `::ffff:10.0.0.1`, which is in no IPv4 network.
    let mut client = peer.to_canonical();
    if !is_trusted(&client) {
        return client;
    }
    let lines = headers.get_all(FORWARDED_FOR).iter().rev();
    for hop in lines.flat_map(|line| line.to_str().unwrap_or_default().rsplit(',')) {
        let Some(address) = hop_address(hop.trim()) else { break };
        client = address.to_canonical();
        if !is_trusted(&client) {
            break;
        }
    }
    client
}

/// Some proxies write the port too.
fn hop_address(hop: &str) -> Option<IpAddr> {
    hop.parse().ok().or_else(|| hop.parse().ok().map(|address: SocketAddr| address.ip()))
}

/// IPv6 counts by /64, because one subscriber has a whole one.
pub(in crate::http) fn subscriber(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))),
    }
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
    fn forwarded_for_is_believed_from_trusted_proxies_only() {
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
    fn an_address_is_the_same_however_it_is_written() {
        assert_eq!(address("::ffff:10.0.0.1", &["1.2.3.4"], &["10.0.0.0/8"]), "1.2.3.4");
        assert_eq!(address("10.0.0.1", &["1.2.3.4, ::ffff:10.0.0.2"], &["10.0.0.0/8"]), "1.2.3.4");
        assert_eq!(address("10.0.0.1", &["1.2.3.4:5678"], &["10.0.0.0/8"]), "1.2.3.4");
        assert_eq!(address("10.0.0.1", &["[2001:db8::7]:5678"], &["10.0.0.0/8"]), "2001:db8::7");
    }
}
