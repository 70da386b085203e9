//! The five tables of single values, key by key with their defaults.

use std::{path::PathBuf, time::Duration};

use super::{
    Audit, Auth, Database, Environment, MAX_MESSAGE, MetricsListen, Redis, Server,
    reader::Read,
    secret_source::SigningKey,
    section::Section,
    size::Size,
    urls::{DatabaseUrl, RedisUrl, Site},
};

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);
pub(super) const DAY: Duration = Duration::from_secs(86_400);

pub(super) fn server(s: &mut Section<'_, '_>) -> Read<Server> {
    let listen = s.get("listen", "127.0.0.1:8080");
    let metrics_listen = s.get::<MetricsListen>("metrics_listen", "127.0.0.1:9464");
    let drain_timeout = s.get_within("drain_timeout", "30s", Duration::ZERO..=DAY);
    let trusted_proxies = s.get("trusted_proxies", "");
    let allowed_origins = s.get::<Vec<Site>>("allowed_origins", "");
    let max_sockets_per_user = s.get_within("max_sockets_per_user", "20", 1..=1_000_000);
    let ws_heartbeat = s.get_within("ws_heartbeat", "20s", SECOND..=3600 * SECOND);
    let ws_write_timeout = s.get_within("ws_write_timeout", "10s", Duration::from_millis(100)..=3600 * SECOND);
    let ws_echo = s.get("ws_echo", "false");
    let max_connections = s.get_within("max_connections", "16384", 1..=1_000_000);
    let max_connections_per_address = s.get_within("max_connections_per_address", "256", 1..=1_000_000);
    let max_requests_in_flight = s.get_within("max_requests_in_flight", "1024", 1..=1_000_000);
    let max_running_turns = s.get_within("max_running_turns", "4096", 1..=1_000_000);
    let max_message = s.get_within("max_message", "1MiB", Size(1024)..=Size(MAX_MESSAGE));
    let patience = Duration::from_millis(100)..=HOUR;
    let head_timeout = s.get_within("head_timeout", "10s", patience.clone());
    let idle_timeout = s.get_within("idle_timeout", "30s", patience.clone());
    let body_timeout = s.get_within("body_timeout", "30s", patience.clone());
    let write_timeout = s.get_within("write_timeout", "30s", patience);
    Ok(Server {
        listen: listen?,
        metrics_listen: metrics_listen?.0,
        drain_timeout: drain_timeout?,
        trusted_proxies: trusted_proxies?,
        allowed_origins: allowed_origins?.into_iter().map(|site| site.0).collect(),
        max_sockets_per_user: max_sockets_per_user?,
        ws_heartbeat: ws_heartbeat?,
        ws_write_timeout: ws_write_timeout?,
        ws_echo: ws_echo?,
        max_connections: max_connections?,
        max_connections_per_address: max_connections_per_address?,
        max_requests_in_flight: max_requests_in_flight?,
        max_running_turns: max_running_turns?,
        max_message: max_message?.0,
        head_timeout: head_timeout?,
        idle_timeout: idle_timeout?,
        body_timeout: body_timeout?,
        write_timeout: write_timeout?,
    })
}

pub(super) fn database(s: &mut Section<'_, '_>) -> Read<Database> {
    let url = database_url(s);
    let max_connections = s.get_within("max_connections", "10", 1..=1000);
    Ok(Database { url: url?.0, max_connections: max_connections? })
}

fn database_url(s: &mut Section<'_, '_>) -> Read<DatabaseUrl> {
    if let Some(url) = s.optional("url")? {
        return Ok(url);
    }
    match default_database(s.reader.context.environment) {
        Some(default) => s.get("url", &default),
        None => Err(s.mistake(
            "url",
            "there is no home directory to keep a SQLite database in",
            "set HOME, XDG_DATA_HOME, or DATABASE_URL (MCPCHAT_DATABASE__URL) like sqlite:///var/lib/mcpchat/mcpchat.db",
        )),
    }
}

/// The default URL; its path is percent-encoded where SQLite URLs need it.
fn default_database(environment: &Environment) -> Option<String> {
    let path: PathBuf = environment.data_dir()?.join("mcpchat.db");
    let path = path.to_str()?.replace('%', "%25").replace('?', "%3f");
    Some(format!("sqlite://{path}"))
}

pub(super) fn redis(s: &mut Section<'_, '_>) -> Read<Redis> {
    let url = s.optional::<RedisUrl>("url");
    let command_timeout = s.get_within("command_timeout", "250ms", Duration::from_millis(1)..=60 * SECOND);
    let on_failure = s.get("on_failure", "database");
    Ok(Redis { url: url?.map(|url| url.0), command_timeout: command_timeout?, on_failure: on_failure? })
}

pub(super) fn auth(s: &mut Section<'_, '_>) -> Read<Auth> {
    let registration = s.get("registration", "closed");
    let access_token_ttl = s.get_within("access_token_ttl", "15m", SECOND..=30 * DAY);
    let refresh_token_ttl = s.get_within("refresh_token_ttl", "30d", SECOND..=3650 * DAY);
    // 8 is the minimum that NIST SP 800-63B-4 allows; 256 is the longest password that is accepted.
    let min_password_length = s.get_within("min_password_length", "15", 8..=256);
    let jwt_secret = s.optional::<SigningKey>("jwt_secret");
    let previous = s.get::<Vec<SigningKey>>("previous_jwt_secrets", "");
    Ok(Auth {
        registration: registration?,
        access_token_ttl: access_token_ttl?,
        refresh_token_ttl: refresh_token_ttl?,
        min_password_length: min_password_length?,
        jwt_secret: jwt_secret?.map(|key| key.0),
        previous_jwt_secrets: previous?.into_iter().map(|key| key.0).collect(),
    })
}

pub(super) fn audit(s: &mut Section<'_, '_>) -> Read<Audit> {
    let checkpoint_file = s.optional("checkpoint_file");
    let checkpoint_every = s.get_within("checkpoint_every", "1000", 1..=1_000_000);
    let signing_key_file = s.optional("signing_key_file");
    Ok(Audit {
        checkpoint_file: checkpoint_file?,
        checkpoint_every: checkpoint_every?,
        signing_key_file: signing_key_file?,
    })
}
