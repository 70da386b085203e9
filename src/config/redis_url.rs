//! Redis URLs with several hosts: Sentinel and Cluster. No standard parser takes them, so they are split into as many
//! URLs of one host.

use url::Url;

/// The kind of deployment behind the hosts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// The hosts are sentinels, which know the master.
    Sentinel,
    /// The hosts are nodes, which know each other.
    Cluster,
}

/// The parsed URL `scheme://user:password@host,host/path?query`.
#[derive(Debug, PartialEq, Eq)]
pub struct MultiHostUrl<'a> {
    pub group: Group,
    /// `redis` or `rediss`.
    pub scheme: &'a str,
    /// With its `@`; empty if there is none.
    user: &'a str,
    hosts: Vec<&'a str>,
    /// Without its slash.
    path: &'a str,
    /// Without its question mark.
    query: &'a str,
}

impl<'a> MultiHostUrl<'a> {
    /// Parses a URL; `None`: it is of another kind.
    pub fn of(url: &'a str) -> Option<Self> {
        let (scheme, rest) = url.split_once("://")?;
        let (scheme, group) = match scheme.split_once('+')? {
            (scheme @ ("redis" | "rediss"), "sentinel") => (scheme, Group::Sentinel),
            (scheme @ ("redis" | "rediss"), "cluster") => (scheme, Group::Cluster),
            _ => return None,
        };
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let hosts = authority.rfind('@').map_or(0, |at| at + 1);
        let (user, hosts) = authority.split_at(hosts);
        Some(Self { group, scheme, user, hosts: hosts.split(',').collect(), path, query })
    }

    /// The name of the master that the sentinels watch, and the number of the database.
    pub fn master(&self) -> (&'a str, &'a str) {
        self.path.split_once('/').unwrap_or((self.path, "0"))
    }

    /// A URL of each host, with `port` where it names none, to be opened with the server's own user.
    pub fn nodes(&self, port: u16) -> impl Iterator<Item = String> {
        self.hosts.iter().map(move |host| self.one(self.user, &with_port(host, port)))
    }

    /// A URL of each sentinel, which has a user of its own.
    pub fn sentinels(&self) -> impl Iterator<Item = String> {
        let named = |name| self.parameters().find(|(key, _)| key == name).map(|(_, value)| value);
        let user = match (named("sentinel_username"), named("sentinel_password")) {
            (None, None) => String::new(),
            (user, password) => format!("{}:{}@", encoded(user), encoded(password)),
        };
        self.hosts.iter().map(move |host| self.one(&user, &with_port(host, 26379)))
    }

    /// The URL of the master, wherever it is.
    pub fn server(&self) -> String {
        format!("{}/{}", self.one(self.user, "master"), self.master().1)
    }

    /// What is wrong with it, if anything.
    pub fn mistake(&self) -> Option<String> {
        for host in &self.hosts {
            let url = Url::parse(&self.one("", host));
            if host.is_empty() || !url.is_ok_and(|url| url.has_host() && matches!(url.path(), "" | "/")) {
                return Some(format!("{host:?} is not a host and port"));
            }
        }
        let known = |name: &str| self.group == Group::Sentinel && name.starts_with("sentinel_");
        if let Some((name, _)) = self.parameters().find(|(name, _)| !known(name)) {
            return Some(format!("there is no parameter {name:?} in such a URL"));
        }
        let (master, database) = self.master();
        match self.group {
            Group::Sentinel if master.is_empty() => Some("the name of the master is missing".to_owned()),
            Group::Sentinel if database.parse::<u32>().is_err() => Some(format!("{database:?} is not a database")),
            Group::Cluster if !matches!(self.path, "" | "0") => Some("a cluster has no database but 0".to_owned()),
            Group::Sentinel | Group::Cluster => None,
        }
    }

    /// The URL for display: the passwords as `***`.
    pub fn masked(&self) -> String {
        let user = match self.user.split_once(':') {
            Some((name, _)) => format!("{name}:***@"),
            None => self.user.to_owned(),
        };
        let shown = |(name, value): (String, String)| {
            if name.contains("pass") { format!("{name}=***") } else { format!("{name}={value}") }
        };
        let query: Vec<String> = self.parameters().map(shown).collect();
        let kind = match self.group {
            Group::Sentinel => "sentinel",
            Group::Cluster => "cluster",
        };
        let slash = if self.path.is_empty() { "" } else { "/" };
        let mark = if query.is_empty() { "" } else { "?" };
        let hosts = self.hosts.join(",");
        format!("{}+{kind}://{user}{hosts}{slash}{}{mark}{}", self.scheme, self.path, query.join("&"))
    }

    fn one(&self, user: &str, host: &str) -> String {
        format!("{}://{user}{host}", self.scheme)
    }

    fn parameters(&self) -> impl Iterator<Item = (String, String)> {
        url::form_urlencoded::parse(self.query.as_bytes()).into_owned()
    }
}

fn with_port(host: &str, port: u16) -> String {
    let has_port = host.rsplit_once(':').is_some_and(|(name, _)| !name.contains(':') || name.ends_with(']'));
    if has_port { host.to_owned() } else { format!("{host}:{port}") }
}

fn encoded(text: Option<String>) -> String {
    let text = text.unwrap_or_default();
    text.bytes()
        .map(|byte| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_host_gets_a_url_of_its_own() {
        let url = "rediss+sentinel://ada:pw@a,b:7,[::1]:8,[::2]/mymaster/3?sentinel_password=s%2Fp";
        let many = MultiHostUrl::of(url).unwrap();
        assert_eq!((many.group, many.mistake()), (Group::Sentinel, None));
        assert_eq!(many.master(), ("mymaster", "3"));
        assert_eq!(many.server(), "rediss://ada:pw@master/3");
        let sentinels: Vec<_> = many.sentinels().collect();
        assert_eq!(
            sentinels,
            [
                "rediss://:s%2Fp@a:26379",
                "rediss://:s%2Fp@b:7",
                "rediss://:s%2Fp@[::1]:8",
                "rediss://:s%2Fp@[::2]:26379"
            ]
        );
        let cluster = MultiHostUrl::of("redis+cluster://:pw@a,b:7/").unwrap();
        assert_eq!((cluster.group, cluster.mistake()), (Group::Cluster, None));
        assert_eq!(cluster.nodes(6379).collect::<Vec<_>>(), ["redis://:pw@a:6379", "redis://:pw@b:7"]);
        for other in ["redis://a", "http+cluster://a", "redis+unix:///a", "redis"] {
            assert_eq!(MultiHostUrl::of(other), None, "{other}");
        }
    }

    #[test]
    fn a_mistake_is_named_and_a_password_is_not() {
        for (url, mistake) in [
            ("redis+sentinel://a,b", "the name of the master"),
            ("redis+sentinel://a,,b/m", "\"\" is not a host"),
            ("redis+sentinel://a:b:c/m", "\"a:b:c\" is not a host"),
            ("redis+sentinel://a/m/x", "\"x\" is not a database"),
            ("redis+sentinel://a/m?password=x", "no parameter \"password\""),
            ("redis+cluster://a/1", "no database but 0"),
            ("redis+cluster://a?sentinel_password=x", "no parameter"),
        ] {
            let told = MultiHostUrl::of(url).unwrap().mistake().unwrap();
            assert!(told.contains(mistake), "{url}: {told}");
        }
        for (url, shown) in [
            ("redis+sentinel://u:s3cret@a,b:1/m/0", "redis+sentinel://u:***@a,b:1/m/0"),
            ("redis+sentinel://a/m?sentinel_password=s3cret", "redis+sentinel://a/m?sentinel_password=***"),
            ("rediss+cluster://:s3@cret@a,b", "rediss+cluster://:***@a,b"),
        ] {
            assert_eq!(MultiHostUrl::of(url).unwrap().masked(), shown);
        }
    }
}
