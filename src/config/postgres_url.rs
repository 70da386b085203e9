//! PostgreSQL URLs in libpq's syntax. The driver supports fewer forms, and ignores what it does not know; here each
//! parameter is translated, or refused with a remedy.

use std::{env, fmt, fs::File, path::PathBuf, time::Duration};

use url::{Url, form_urlencoded};

/// A URL that the driver understands in full.
#[derive(Debug, PartialEq, Eq)]
pub struct PostgresUrl {
    pub normal: String,
    /// Trusted certificate authorities, where the URL does not name a file of them.
    pub authorities: Option<PathBuf>,
    /// Timeout of connecting.
    pub connect_timeout: Option<Duration>,
}

/// A mistake in a URL; does not repeat the URL, which may hold a password.
#[derive(Debug, PartialEq, Eq)]
pub struct PostgresUrlMistake {
    pub what: String,
    pub remedy: String,
}

impl fmt::Display for PostgresUrlMistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.what, self.remedy)
    }
}

const ONE_HOST: &str = "name one that leads to the primary: a DNS name or a proxy that follows it (HAProxy, Patroni, the \
                        provider's writer endpoint)";
const ENCODE: &str = "write it like \"postgres://user:password@host/database\", and in a user or password `:` as %3A, `/` as %2F, `@` as %40, `#` as %23, `?` as %3F, `%` as %25";
const KNOWN: &str = "application_name, channel_binding, connect_timeout, dbname, host, options, password, port, sslcert, \
                     sslkey, sslmode, sslrootcert, target_session_attrs, user";
const SSL_MODES: [&str; 6] = ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"];

/// Certificate bundles of Debian and Alpine, Red Hat, SUSE, macOS.
const BUNDLES: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

fn mistake(what: impl Into<String>, remedy: impl Into<String>) -> PostgresUrlMistake {
    PostgresUrlMistake { what: what.into(), remedy: remedy.into() }
}

impl PostgresUrl {
    /// Parses `postgres://user:password@host:port/database?parameters`; all but the scheme can be left out.
    pub fn of(url: &str) -> Result<Self, PostgresUrlMistake> {
        let no_place = || mistake("not a URL", "write it like \"postgres://user:password@host/database\"");
        let (_, rest) = url.split_once("://").ok_or_else(no_place)?;
        if rest.contains('#') {
            return Err(mistake("the URL has a `#`", ENCODE));
        }
        let (main, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, path) = main.split_at(main.find('/').unwrap_or(main.len()));
        let (user, place) = authority.rsplit_once('@').unwrap_or(("", authority));
        check_hosts(place)?;
        let mut parameters = Parameters::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            parameters.take(&name, &value)?;
        }
        parameters.check_root()?;
        let normal = format!("postgres://{}{path}", parameters.authority(authority, user, place));
        let normal = format!("{normal}?{}", parameters.query());
        if let Err(error) = Url::parse(&normal) {
            return Err(mistake(format!("not a URL: {error}"), ENCODE));
        }
        Ok(Self { normal, authorities: parameters.authorities(), connect_timeout: parameters.connect_timeout })
    }
}

/// Checks that there is one host at most, with a numeric port.
fn check_hosts(place: &str) -> Result<(), PostgresUrlMistake> {
    if place.contains(',') {
        return Err(mistake("several hosts are not supported", ONE_HOST));
    }
    let port = place.rsplit_once(':').filter(|_| !place.ends_with(']')).map(|(_, port)| port);
    match port {
        Some(port) if !port.is_empty() && port.parse::<u16>().is_err() => {
            Err(mistake("not a URL: invalid port number", ENCODE))
        }
        _ => Ok(()),
    }
}

/// The parameters for the driver.
#[derive(Default)]
struct Parameters {
    kept: Vec<(String, String)>,
    ssl_mode: Option<String>,
    trusts_system: bool,
    connect_timeout: Option<Duration>,
}

impl Parameters {
    fn take(&mut self, name: &str, value: &str) -> Result<(), PostgresUrlMistake> {
        let refused = |remedy: &str| Err(mistake(format!("`{name}={value}` is not supported"), remedy));
        match name {
            "host" | "hostaddr" | "port" if value.contains(',') => {
                return Err(mistake("several hosts are not supported", ONE_HOST));
            }
            "port" if value.parse::<u16>().is_err() => return Err(mistake("the port is not a number", "correct it")),
            "user"
            | "password"
            | "host"
            | "hostaddr"
            | "port"
            | "dbname"
            | "application_name"
            | "options"
            | "statement-cache-capacity" => self.keep(name, value),
            _ if name.starts_with("options[") => self.keep(name, value),
            "fallback_application_name" => {}
            "sslmode" | "ssl-mode" => self.set_ssl_mode(value)?,
            "sslrootcert" | "ssl-root-cert" | "ssl-ca" if value == "system" => self.trusts_system = true,
            "sslrootcert" | "ssl-root-cert" | "ssl-ca" | "sslcert" | "ssl-cert" | "sslkey" | "ssl-key" => {
                demand_readable(name, value)?;
                self.keep(name, value);
            }
            "connect_timeout" => self.connect_timeout = seconds(value)?,
            // `/readyz` checks this at the server: a primary that takes writes.
            "target_session_attrs" if matches!(value, "any" | "read-write" | "primary") => {}
            "target_session_attrs" => return refused("mcpchat writes; name the primary"),
            "channel_binding" if matches!(value, "disable" | "prefer") => {}
            "channel_binding" => {
                return refused("`sslmode=verify-full` proves by its certificate that it is the server");
            }
            "client_encoding"
                if matches!(value.to_ascii_lowercase().as_str(), "utf8" | "utf-8" | "unicode" | "auto") => {}
            "client_encoding" => return refused("mcpchat speaks UTF8; leave it out"),
            "gssencmode" if matches!(value, "disable" | "prefer") => {}
            "sslcompression" if value == "0" => {}
            "sslnegotiation" if value == "postgres" => {}
            "load_balance_hosts" if value == "disable" => {}
            "schema" | "search_path" | "currentSchema" => return refused("write `options[search_path]=NAME`"),
            "passfile" => return refused("set PGPASSFILE"),
            _ => {
                let what = format!("the parameter `{name}` is not supported");
                return Err(mistake(what, format!("leave it out; there are {KNOWN}")));
            }
        }
        Ok(())
    }

    fn keep(&mut self, name: &str, value: &str) {
        self.kept.push((name.to_owned(), value.to_owned()));
    }

    /// Sets the mode. The driver takes `allow` for `disable`; `prefer` reaches every server that `allow` does.
    fn set_ssl_mode(&mut self, value: &str) -> Result<(), PostgresUrlMistake> {
        if !SSL_MODES.contains(&value) {
            let remedy = format!("choose one of {}", SSL_MODES.join(", "));
            return Err(mistake(format!("`sslmode={value}` is not supported"), remedy));
        }
        self.ssl_mode = Some(if value == "allow" { "prefer" } else { value }.to_owned());
        Ok(())
    }

    /// Demands `verify-full` if all authorities of the system are trusted, as libpq does.
    fn check_root(&mut self) -> Result<(), PostgresUrlMistake> {
        if !self.trusts_system {
            return Ok(());
        }
        match self.ssl_mode.as_deref() {
            None | Some("verify-full") => {
                self.ssl_mode = Some("verify-full".to_owned());
                Ok(())
            }
            Some(weaker) => {
                let what = format!("`sslmode={weaker}` is too weak for `sslrootcert=system`");
                Err(mistake(what, "set `sslmode=verify-full`"))
            }
        }
    }

    /// The authorities' file, by the conventions of TLS libraries.
    fn authorities(&self) -> Option<PathBuf> {
        let named = env::var_os("SSL_CERT_FILE").filter(|path| !path.is_empty()).map(PathBuf::from);
        if self.trusts_system {
            return named.or_else(|| BUNDLES.iter().map(PathBuf::from).find(|path| path.exists()));
        }
        let has_own =
            self.kept.iter().any(|(name, _)| ["sslrootcert", "ssl-root-cert", "ssl-ca"].contains(&name.as_str()));
        named.filter(|_| !has_own && env::var_os("PGSSLROOTCERT").is_none())
    }

    /// The URL's authority. Without a host it cannot have a user; then user, password and port become parameters.
    fn authority(&mut self, authority: &str, user: &str, place: &str) -> String {
        if !place.is_empty() && !place.starts_with(':') {
            return authority.to_owned();
        }
        let (name, password) = user.split_once(':').map_or((user, None), |(name, password)| (name, Some(password)));
        let port = place.strip_prefix(':').filter(|port| !port.is_empty());
        let given = [("user", Some(name).filter(|name| !name.is_empty())), ("password", password), ("port", port)];
        for (name, value) in given {
            self.kept.extend(value.map(|value| (name.to_owned(), decoded(value))));
        }
        String::new()
    }

    fn query(&self) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(&self.kept).extend_pairs(self.ssl_mode.iter().map(|mode| ("sslmode", mode)));
        query.finish()
    }
}

/// Decodes percent-encoding only: in a password `+` is `+`.
fn decoded(text: &str) -> String {
    let pair = format!("x={}", text.replace('+', "%2B").replace('&', "%26"));
    form_urlencoded::parse(pair.as_bytes()).next().map_or_else(String::new, |(_, value)| value.into_owned())
}

/// Parses libpq's timeout: 0 and less is none.
fn seconds(value: &str) -> Result<Option<Duration>, PostgresUrlMistake> {
    let seconds: i32 = value
        .parse()
        .map_err(|_| mistake(format!("`connect_timeout={value}` is not a number of seconds"), "write 10"))?;
    Ok(u64::try_from(seconds).ok().filter(|seconds| *seconds > 0).map(Duration::from_secs))
}

/// Checks that a certificate or key is inline, or a readable file.
fn demand_readable(name: &str, value: &str) -> Result<(), PostgresUrlMistake> {
    if value.starts_with("-----BEGIN") {
        return Ok(());
    }
    let unreadable =
        |error| mistake(format!("`{name}={value}` cannot be read: {error}"), "name a PEM file that this user may read");
    File::open(value).map(drop).map_err(unreadable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_of_libpq_is_one_that_the_driver_takes() {
        for (given, normal) in [
            ("postgres://ada:pw@db:5433/chat", "postgres://ada:pw@db:5433/chat?"),
            ("postgresql://db/chat", "postgres://db/chat?"),
            ("postgres://ada@/chat?host=/run/pg", "postgres:///chat?host=%2Frun%2Fpg&user=ada"),
            (
                "postgres://ada:p%40w+1@:5433/chat?host=/run",
                "postgres:///chat?host=%2Frun&user=ada&password=p%40w%2B1&port=5433",
            ),
            ("postgres://ada@%2Frun%2Fpg/chat", "postgres://ada@%2Frun%2Fpg/chat?"),
            ("postgres:///chat", "postgres:///chat?"),
            ("postgres://a@db/c?sslmode=allow", "postgres://a@db/c?sslmode=prefer"),
            ("postgres://a@db/c?sslrootcert=system", "postgres://a@db/c?sslmode=verify-full"),
            ("postgres://a@db/c?target_session_attrs=read-write&channel_binding=prefer", "postgres://a@db/c?"),
            (
                "postgres://a@[::1]:5433/c?options=-c%20search_path%3Dx",
                "postgres://a@[::1]:5433/c?options=-c+search_path%3Dx",
            ),
        ] {
            assert_eq!(PostgresUrl::of(given).unwrap().normal, normal, "{given}");
        }
        let timeouts = [("10", Some(Duration::from_secs(10))), ("0", None), ("-1", None)];
        for (given, timeout) in timeouts {
            let url = PostgresUrl::of(&format!("postgres://db/c?connect_timeout={given}")).unwrap();
            assert_eq!(url.connect_timeout, timeout, "{given}");
        }
    }

    #[test]
    fn what_is_not_supported_is_refused_with_a_remedy() {
        for (given, what, remedy) in [
            ("postgres://a@one:5432,two:5432/c", "several hosts", "primary"),
            ("postgres://a@one,two/c", "several hosts", "primary"),
            ("postgres://a@/c?host=one,two", "several hosts", "primary"),
            ("postgres://a@db/c?target_session_attrs=standby", "target_session_attrs=standby", "primary"),
            ("postgres://a@db/c?channel_binding=require", "channel_binding=require", "verify-full"),
            ("postgres://a@db/c?sslmode=on", "sslmode=on", "verify-ca"),
            ("postgres://a@db/c?sslrootcert=system&sslmode=require", "too weak", "verify-full"),
            ("postgres://a@db/c?sslrootcert=/no/such.pem", "/no/such.pem", "PEM file"),
            ("postgres://a@db/c?connect_timeout=soon", "connect_timeout=soon", "10"),
            ("postgres://a@db/c?nonsense=1", "`nonsense`", "connect_timeout"),
            ("postgres://a@db/c?schema=mine", "schema=mine", "options[search_path]"),
            ("postgres://a:p/w@db/c", "port", "%2F"),
            ("postgres://a:p#w@db/c", "#", "%23"),
            ("postgres://a@db:port/c", "port", "%3A"),
            ("postgres:a@db/c", "not a URL", "postgres://"),
            ("postgres://a@[db/c", "not a URL", "%3A"),
        ] {
            let mistake = PostgresUrl::of(given).expect_err(given);
            assert!(mistake.what.contains(what) && mistake.remedy.contains(remedy), "{given}: {mistake}");
            assert!(!mistake.to_string().contains("p/w"), "{mistake}");
        }
    }
}
