//! URLs: which ones are accepted, and how they are shown without their passwords.

use url::Url;

use super::{
    Secret,
    input::{Input, Wrong},
    postgres_url::PostgresUrl,
    redis_url::MultiHostUrl,
    value::{Context, Value},
};

/// The URL for display: the password as `***`, everything else as it is. What is no URL is not shown at all.
pub fn masked(url: &str) -> String {
    if url.starts_with("sqlite:") {
        return url.to_owned();
    }
    if let Some(many) = MultiHostUrl::of(url) {
        return if many.mistake().is_none() { many.masked() } else { "***".to_owned() };
    }
    let normal = url.starts_with("postgres").then(|| PostgresUrl::of(url).ok()).flatten().map(|url| url.normal);
    let shown = if Url::parse(url).is_ok() { Some(url) } else { normal.as_deref() };
    let Some(Ok(mut parsed)) = shown.map(Url::parse) else { return "***".to_owned() };
    if parsed.password().is_some() && parsed.set_password(Some("***")).is_err() {
        return "***".to_owned();
    }
    if parsed.query().is_some() {
        let pairs: Vec<(String, String)> = parsed.query_pairs().into_owned().collect();
        let mask =
            |(name, value): (String, String)| if name.contains("pass") { (name, "***".into()) } else { (name, value) };
        parsed.query_pairs_mut().clear().extend_pairs(pairs.into_iter().map(mask));
    }
    // A URL writes `*` in a password as `%2A`.
    parsed.to_string().replace("%2A%2A%2A", "***")
}

/// `sqlite://PATH`, `postgres://…` or `postgresql://…`.
pub(super) struct DatabaseUrl(pub Secret);

impl Value for DatabaseUrl {
    fn parse(input: Input<'_>, context: &Context<'_>) -> Result<Self, Wrong> {
        const EXAMPLES: &str =
            "write it like \"sqlite:///var/lib/mcpchat/mcpchat.db\" or \"postgres://user:password@host/database\"";
        let secret = Secret::parse(input, context)?;
        let url = clean(secret.expose())?;
        match url.split_once(':') {
            Some(("sqlite", rest)) => match rest.strip_prefix("//") {
                Some(path) if !path.is_empty() && !path.starts_with(['?', ':']) && !path.contains("mode=memory") => {}
                _ => return Err(Wrong::new("a SQLite database is a file", EXAMPLES)),
            },
            Some(("postgres" | "postgresql", _)) => {
                PostgresUrl::of(url).map_err(|mistake| Wrong::new(mistake.what, mistake.remedy))?;
            }
            Some((scheme, _)) if is_scheme(scheme) => {
                return Err(Wrong::new(format!("no database of the kind {scheme:?} is supported"), EXAMPLES));
            }
            _ => return Err(Wrong::new("not a URL", EXAMPLES)),
        }
        Ok(Self(secret))
    }

    fn shown(&self, _: &str) -> String {
        masked(self.0.expose())
    }
}

/// `redis://…`, over TLS `rediss://…`, `unix:///PATH`, or a group of them (`MultiHostUrl`).
pub(super) struct RedisUrl(pub Secret);

impl Value for RedisUrl {
    fn parse(input: Input<'_>, context: &Context<'_>) -> Result<Self, Wrong> {
        const EXAMPLES: &str =
            "write it like \"redis://host:6379/0\", \"rediss://user:password@host\" or \"unix:///run/redis.sock\"";
        const GROUPS: &str = "write it like \"redis+sentinel://host:26379,host:26379/mymaster/0\" or \"rediss+cluster://user:password@host,host\"";
        let secret = Secret::parse(input, context)?;
        clean(secret.expose())?;
        if let Some(many) = MultiHostUrl::of(secret.expose()) {
            return match many.mistake() {
                Some(mistake) => Err(Wrong::new(mistake, GROUPS)),
                None => Ok(Self(secret)),
            };
        }
        let parsed = Url::parse(secret.expose()).map_err(|_| not_a_url(secret.expose(), EXAMPLES))?;
        match parsed.scheme() {
            "redis" | "rediss" | "valkey" | "valkeys" | "unix" | "redis+unix" | "valkey+unix" => Ok(Self(secret)),
            scheme => Err(Wrong::new(format!("Redis is not reached by {scheme:?}"), EXAMPLES)),
        }
    }

    fn shown(&self, _: &str) -> String {
        masked(self.0.expose())
    }
}

/// The base URL of a provider, without a trailing slash.
pub(super) struct BaseUrl(pub String);

impl Value for BaseUrl {
    fn parse(input: Input<'_>, _: &Context<'_>) -> Result<Self, Wrong> {
        const EXAMPLE: &str = "write it like \"https://api.openai.com/v1\"";
        let text = clean(input.text().ok_or_else(|| Wrong::expected(input, "a string", "put it in quotes"))?)?;
        let url = Url::parse(text).map_err(|_| not_a_url(text, EXAMPLE))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Wrong::new("a key has no place in a URL that is shown", "give it as api_key"));
        }
        if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
            return Err(Wrong::new(format!("providers are not reached by {:?}", url.scheme()), EXAMPLE));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(Wrong::new("the URL has a query or a fragment", EXAMPLE));
        }
        Ok(Self(text.trim_end_matches('/').to_owned()))
    }
}

/// Scheme, host and port of a web site, as browsers name it in the header Origin.
pub(super) struct Site(pub url::Origin);

impl Value for Site {
    fn parse(input: Input<'_>, _: &Context<'_>) -> Result<Self, Wrong> {
        const EXAMPLE: &str = "write it like \"https://chat.example.org\"";
        let text = clean(input.text().ok_or_else(|| Wrong::expected(input, "a string", "put it in quotes"))?)?;
        let url = Url::parse(text).map_err(|_| not_a_url(text, EXAMPLE))?;
        let is_site = matches!(url.scheme(), "http" | "https") && url.path() == "/" && url.query().is_none();
        if is_site { Ok(Self(url.origin())) } else { Err(Wrong::new("not the address of a site alone", EXAMPLE)) }
    }
}

/// Refuses control characters and outer spaces, which a URL parser drops; in a path that would name another file.
fn clean(url: &str) -> Result<&str, Wrong> {
    let is_clean = !url.contains(char::is_control) && url.trim() == url;
    let what = "the URL holds a line break or another control character, or begins or ends with a space";
    if is_clean { Ok(url) } else { Err(Wrong::new(what, "copy it again")) }
}

/// Does not repeat the URL, which may hold a password.
fn not_a_url(text: &str, remedy: &str) -> Wrong {
    let why = Url::parse(text).err().map_or_else(String::new, |error| format!(": {error}"));
    Wrong::new(format!("not a URL{why}"), remedy)
}

fn is_scheme(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 20
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_never_shown() {
        for (url, shown) in [
            ("postgres://chat:s3cret@db.example/mcpchat", "postgres://chat:***@db.example/mcpchat"),
            ("postgres:///chat?host=%2Frun&password=s3cret", "postgres:///chat?host=%2Frun&password=***"),
            ("postgres://chat:s3cret@/chat?host=/run", "postgres:///chat?host=%2Frun&user=chat&password=***"),
            ("redis://:s3cret@localhost:6379/1", "redis://:***@localhost:6379/1"),
            ("rediss://app:s3cret@cache", "rediss://app:***@cache"),
            ("unix:///run/redis.sock?pass=s3cret", "unix:///run/redis.sock?pass=***"),
            ("sqlite:///var/lib/mcpchat.db", "sqlite:///var/lib/mcpchat.db"),
            ("redis://cache", "redis://cache"),
            (
                "redis+sentinel://u:s3cret@a,b/m?sentinel_password=s3cret",
                "redis+sentinel://u:***@a,b/m?sentinel_password=***",
            ),
            ("redis+cluster://:s3cret@a,", "***"),
            ("s3cret", "***"),
            ("postgres://chat:s3cret@[", "***"),
        ] {
            assert_eq!(masked(url), shown);
        }
    }
}
