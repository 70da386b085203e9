//! Whom a limit counts.

use std::{
    fmt,
    net::{IpAddr, Ipv6Addr},
};

use crate::model::{KeyId, UserId};

/// Its text (`Display`) is the key of `Counters`, and the end of its key in Redis.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Subject {
    User(UserId),
    Key(KeyId),
    /// Made by `Subject::address`.
    Address(IpAddr),
    /// Made by `Subject::name`.
    Name(String),
    Global,
}

impl Subject {
    /// IPv6 counts by /64, because one subscriber has a whole one; IPv4 written as IPv6 counts as IPv4.
    pub fn address(address: IpAddr) -> Self {
        Self::Address(match address.to_canonical() {
            IpAddr::V4(address) => IpAddr::V4(address),
            IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))),
        })
    }

    /// A login name as somebody typed it, which may be any text: folded as accounts are compared, bounded, and with
    /// nothing that a database would not store. No two accounts fall together, since theirs are shorter and plain.
    pub fn name(typed: &str) -> Self {
        const MAX_CHARS: usize = 254;
        let lower = typed.trim().chars().take(MAX_CHARS).flat_map(char::to_lowercase);
        Self::Name(lower.map(|c| if c.is_control() { '?' } else { c }).collect())
    }

    /// `{mcpchat}` is the hash tag: in a Redis Cluster all subjects are in one slot, so that one script can read several.
    pub(super) fn redis_key(&self) -> String {
        format!("{REDIS_PREFIX}{self}")
    }
}

pub(super) const REDIS_PREFIX: &str = "{mcpchat}:limits:";

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(id) => write!(f, "user:{id}"),
            Self::Key(id) => write!(f, "key:{id}"),
            Self::Address(IpAddr::V4(address)) => write!(f, "address:{address}"),
            Self::Address(IpAddr::V6(network)) => write!(f, "address:{network}/64"),
            Self::Name(name) => write!(f, "name:{name}"),
            Self::Global => f.write_str("global"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_subscriber_is_one_address() {
        let text = |address: &str| Subject::address(address.parse().unwrap()).to_string();
        assert_eq!(text("192.0.2.7"), "address:192.0.2.7");
        assert_eq!(text("::ffff:192.0.2.7"), "address:192.0.2.7");
        assert_eq!(text("2001:db8:1:2:3:4:5:6"), "address:2001:db8:1:2::/64");
        assert_eq!(text("2001:db8:1:2:ffff::1"), text("2001:db8:1:2::"));
        assert_ne!(text("2001:db8:1:3::"), text("2001:db8:1:2::"));
    }

    #[test]
    fn a_typed_name_is_folded_and_harmless() {
        assert_eq!(Subject::name(" Ada ").to_string(), "name:ada");
        assert_eq!(Subject::name("a\0b\nc").to_string(), "name:a?b?c");
        assert_eq!(Subject::name(&"x".repeat(100_000)).to_string().len(), "name:".len() + 254);
    }
}
