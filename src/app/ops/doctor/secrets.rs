//! Checks of secrets: weak signing keys, default passwords, file permissions.

use std::{collections::BTreeSet, net::IpAddr, path::PathBuf};

use url::Url;

use super::Diagnosis;
use crate::{
    config::{Config, Loaded},
    private_file,
    store::Store,
};

const SIGNING_KEY: &str = "secrets.signing_key";
const DEFAULTS: &str = "secrets.defaults";
const PERMISSIONS: &str = "secrets.permissions";

/// A key with fewer different characters is not random, in any encoding.
const LEAST_VARIETY: usize = 16;
/// Words of examples, and of configurations copied from them.
const PLACEHOLDERS: [&str; 8] =
    ["changeme", "change-me", "change_me", "secret", "password", "example", "your-", "123456"];
const USUAL_PASSWORDS: [&str; 8] = ["postgres", "password", "mcpchat", "changeme", "secret", "admin", "root", "redis"];

pub(super) fn check(loaded: &Loaded) -> Vec<Diagnosis> {
    vec![signing_key(&loaded.config), defaults(&loaded.config), permissions(loaded)]
}

fn signing_key(config: &Config) -> Diagnosis {
    let remedy = "set MCPCHAT_JWT_SECRET or `[auth] jwt_secret` to the output of `openssl rand -base64 48`, the same on \
                  every replica; the old one can stay in `previous_jwt_secrets` until its tokens have expired";
    match (&config.auth.jwt_secret, sqlite_file(config)) {
        (Some(secret), _) => match weakness(secret.expose()) {
            Some(why) => Diagnosis::failed(SIGNING_KEY, format!("the key that signs logins {why}"), remedy),
            None => {
                Diagnosis::ok(SIGNING_KEY, format!("the key that signs logins has {} bytes", secret.expose().len()))
            }
        },
        (None, Some(file)) => {
            let kept = file.with_extension("key");
            let when = if kept.exists() { "is kept" } else { "will be made" };
            Diagnosis::ok(SIGNING_KEY, format!("the key that signs logins {when} in {}", kept.display()))
        }
        (None, None) => {
            Diagnosis::failed(SIGNING_KEY, "there is no key to sign logins with; `serve` will not start", remedy)
        }
    }
}

/// Why a key is weak. The configuration checks its length.
fn weakness(key: &str) -> Option<&'static str> {
    let folded = key.to_lowercase();
    if PLACEHOLDERS.iter().any(|word| folded.contains(word)) {
        return Some("is made of words that are easy to guess");
    }
    let variety = key.chars().collect::<BTreeSet<_>>().len();
    (variety < LEAST_VARIETY).then_some("has too few different characters to be random")
}

fn defaults(config: &Config) -> Diagnosis {
    let database = Some(("database.url", &config.database.url));
    let redis = config.redis.url.as_ref().map(|url| ("redis.url", url));
    let urls = database.into_iter().chain(redis);
    let wrong: Vec<String> =
        urls.filter_map(|(key, url)| Some(format!("{key} {}", default_in(url.expose())?))).collect();
    if wrong.is_empty() {
        return Diagnosis::ok(DEFAULTS, "no password is a usual default");
    }
    Diagnosis::warning(DEFAULTS, wrong.join("; "), "give the account a random password, and put it into the URL")
}

/// What is wrong with a URL's password. On this machine alone it may be missing.
fn default_in(url: &str) -> Option<&'static str> {
    let url = Url::parse(url).ok()?;
    // In non-web schemes `url` parses an IP address as a name.
    let host = url.host_str()?.trim_matches(['[', ']']);
    let is_local = host.is_empty() || host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
    match url.password() {
        Some(password) if USUAL_PASSWORDS.contains(&password) || password == url.username() => {
            Some("has a password that is a usual default")
        }
        None if !is_local => Some("has no password"),
        Some(_) | None => None,
    }
}

fn permissions(loaded: &Loaded) -> Diagnosis {
    let config = &loaded.config;
    let mut open: Vec<String> = loaded.exposed.iter().map(ToString::to_string).collect();
    let beside = |extension: &str| sqlite_file(config).map(|file| file.with_extension(extension));
    let audit_key = config.audit.signing_key_file.clone().or_else(|| beside("audit.key"));
    let database = sqlite_file(config);
    let database = database.iter().flat_map(|file| Store::files_of(file));
    for file in [beside("key"), audit_key].into_iter().flatten().chain(database) {
        if let Some(mode) = private_file::exposed_mode(&file) {
            let file = file.display();
            open.push(format!("others can read or change {file} (mode {mode:04o}); chmod 600 {file}"));
        }
    }
    if open.is_empty() {
        return Diagnosis::ok(PERMISSIONS, "only their owner can read the files with secrets");
    }
    Diagnosis::failed(
        PERMISSIONS,
        open.join("\n"),
        "remove the access of others, and change the secrets they may have read",
    )
}

fn sqlite_file(config: &Config) -> Option<PathBuf> {
    Store::file_of(&config.database)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guessable_key_is_weak_and_a_random_one_is_not() {
        for weak in
            ["change-me-change-me-change-me-change-me", &"ab".repeat(32), "my-very-secret-signing-key-for-tokens"]
        {
            assert!(weakness(weak).is_some(), "{weak}");
        }
        for strong in
            ["Vq8rJmYp0tX2sKdH6bN4wZc1gLfQ7eUa", "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"]
        {
            assert_eq!(weakness(strong), None, "{strong}");
        }
    }

    #[test]
    fn a_default_password_is_seen_in_any_url() {
        for (url, is_default) in [
            ("postgres://postgres:postgres@127.0.0.1/x", true),
            ("postgres://ada:ada@db.example.org/x", true),
            ("postgres://ada@db.example.org/x", true),
            ("postgres://ada@127.0.0.1/x", false),
            ("postgres://ada:Vq8rJmYp0tX2@db.example.org/x", false),
            ("redis://cache.example.org:6379", true),
            ("redis://:redis@localhost", true),
            ("redis://localhost", false),
            ("sqlite:///var/lib/mcpchat/mcpchat.db", false),
        ] {
            assert_eq!(default_in(url).is_some(), is_default, "{url}");
        }
    }
}
