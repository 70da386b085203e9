//! Subjects: users, keys, addresses and logins that rules count.

use std::{fmt, net::IpAddr, str::FromStr};

use crate::{
    config::Per,
    model::{CountedBy, Invalid, KeyId, SessionId, UserId, subscriber_address},
};

/// What a rule counts. Its text (`Display`) is the key of `Counters`, and the end of its key in Redis.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Subject {
    User(UserId),
    Key(KeyId),
    /// Made by `Subject::address`.
    Address(IpAddr),
    /// Made by `Subject::name`.
    Name(String),
    /// A name from one address; made by `Subject::login`.
    Login(String, Option<IpAddr>),
    Session(SessionId),
    Global,
}

impl Subject {
    /// Counts IPv6 by /64, because one subscriber has a whole one, and IPv4 written as IPv6 as IPv4.
    pub fn address(address: IpAddr) -> Self {
        Self::Address(subscriber_address(address))
    }

    /// An address as it is stored with what it has used.
    pub fn stored_address(&self) -> Option<String> {
        self.to_string().strip_prefix("address:").map(str::to_owned)
    }

    /// A login name as typed, which may be any text: folded as accounts are compared, bounded, and with nothing that a
    /// database would not store. No two accounts collide, since their names are shorter and plain.
    pub fn name(typed: &str) -> Self {
        Self::Name(folded(typed))
    }

    /// A login name typed at one address.
    pub fn login(typed: &str, address: Option<IpAddr>) -> Self {
        Self::Login(folded(typed), address.map(subscriber_address))
    }

    /// The prefix of all logins with one name. A name of an account has no space in it.
    pub fn logins_prefix(name: &str) -> String {
        format!("login:{} ", folded(name))
    }

    /// How its stored use is found; `None`: it has none.
    pub(super) fn counted_by(&self) -> Option<CountedBy> {
        match self {
            Self::User(id) => Some(CountedBy::User(*id)),
            Self::Key(id) => Some(CountedBy::Key(*id)),
            Self::Address(_) => self.stored_address().map(CountedBy::Address),
            Self::Global => Some(CountedBy::Global),
            Self::Name(_) | Self::Login(..) | Self::Session(_) => None,
        }
    }

    /// Whether rules of this kind count it. Names are counted by rules of their own.
    pub(super) fn is_counted(&self, per: Per) -> bool {
        match self {
            Self::User(_) => per == Per::User,
            Self::Key(_) => per == Per::Key,
            Self::Address(_) => per == Per::Address,
            Self::Global => per == Per::Global,
            Self::Name(_) | Self::Login(..) | Self::Session(_) => false,
        }
    }

    /// `{mcpchat}` is the hash tag: in a Redis Cluster all subjects are in one slot, so that one script can read
    /// several.
    pub(super) fn redis_key(&self) -> String {
        format!("{REDIS_PREFIX}{self}")
    }
}

fn folded(typed: &str) -> String {
    const MAX_CHARS: usize = 254;
    let lower = typed.trim().chars().take(MAX_CHARS).flat_map(char::to_lowercase);
    lower.map(|c| if c.is_control() { '?' } else { c }).collect()
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
            Self::Login(name, None) => write!(f, "login:{name} -"),
            Self::Login(name, Some(address)) => write!(f, "login:{name} {address}"),
            Self::Session(id) => write!(f, "session:{id}"),
            Self::Global => f.write_str("global"),
        }
    }
}

impl FromStr for Subject {
    type Err = Invalid;

    /// Parses its text.
    fn from_str(text: &str) -> Result<Self, Invalid> {
        let wrong = || Invalid::new("subject", "is no subject that a limit counts");
        if text == "global" {
            return Ok(Self::Global);
        }
        let (kind, rest) = text.split_once(':').ok_or_else(wrong)?;
        match kind {
            "user" => rest.parse().map(Self::User).map_err(|_| wrong()),
            "key" => rest.parse().map(Self::Key).map_err(|_| wrong()),
            "address" => rest.trim_end_matches("/64").parse().map(Self::Address).map_err(|_| wrong()),
            "name" => Ok(Self::Name(rest.to_owned())),
            "login" => {
                let (name, address) = rest.rsplit_once(' ').ok_or_else(wrong)?;
                let address = if address == "-" { None } else { Some(address.parse().map_err(|_| wrong())?) };
                Ok(Self::Login(name.to_owned(), address))
            }
            "session" => rest.parse().map(Self::Session).map_err(|_| wrong()),
            _ => Err(wrong()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_is_read_from_its_text() {
        let addresses = ["192.0.2.7", "2001:db8:1:2:3:4:5:6"].map(|address| Subject::address(address.parse().unwrap()));
        let others = [Subject::User(UserId::new()), Subject::Key(KeyId::new()), Subject::name("a:b"), Subject::Global];
        let logins = [
            Subject::login(" Ada b", "2001:db8:1:2:3:4:5:6".parse().ok()),
            Subject::login("ada", "192.0.2.7".parse().ok()),
            Subject::login("ada", None),
            Subject::Session(SessionId::new()),
        ];
        for subject in addresses.into_iter().chain(others).chain(logins) {
            assert_eq!(subject.to_string().parse::<Subject>().ok(), Some(subject));
        }
        assert!("user:x".parse::<Subject>().is_err() && "".parse::<Subject>().is_err());
    }

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
    fn logins_of_a_name_begin_alike() {
        let login = |name: &str| Subject::login(name, "192.0.2.7".parse().ok()).to_string();
        assert!(login("ADA").starts_with(&Subject::logins_prefix("ada")));
        for other in ["ad", "adam", "ada@example.org"] {
            assert!(!login(other).starts_with(&Subject::logins_prefix("ada")), "{other}");
        }
    }

    #[test]
    fn a_typed_name_is_folded_and_harmless() {
        assert_eq!(Subject::name(" Ada ").to_string(), "name:ada");
        assert_eq!(Subject::name("a\0b\nc").to_string(), "name:a?b?c");
        assert_eq!(Subject::name(&"x".repeat(100_000)).to_string().len(), "name:".len() + 254);
    }
}
