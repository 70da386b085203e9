//! The address that one subscriber of an internet provider counts as.

use std::net::{IpAddr, Ipv6Addr};

/// An IPv6 address without its last 64 bits, because one subscriber has a whole /64; an IPv4 address as it is, also
/// where it is written as IPv6.
pub fn subscriber_address(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))),
    }
}
