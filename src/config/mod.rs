//! The configuration as plain data. Reading it has no effects but reading; building things from it is `app`'s work.
//!
//! [`load`] puts it together from flags, the environment, a file and defaults, value by value. Every key with its
//! default stands in `example.toml`. `[[providers]]`, `[[models]]` and `[[limits]]` come from the file only, and
//! `[[limits]]` replace the default rules as a whole.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use ipnet::IpNet;

pub use self::{
    environment::Environment,
    error::{Error, Mistake},
    headers::Header,
    limits::{Count, Limit, Per, Window},
    load::load,
    models::InlineReasoning,
    origin::Origin,
    postgres_url::PostgresUrl,
    redaction::{Redaction, StreamRedactor, Values, marked, unseal},
    redis_url::{Group, MultiHostUrl},
    secret::Secret,
    size::size,
    urls::masked,
    value::{BUILT_IN_RULES, is_rule_name, listen_address},
};

mod cassettes;
mod check;
mod environment;
mod error;
mod file;
mod headers;
mod input;
mod limits;
mod load;
mod models;
mod origin;
mod postgres_url;
mod providers;
mod reader;
mod redaction;
mod redis_url;
mod secret;
mod secret_source;
mod section;
mod sections;
mod size;
#[cfg(test)]
mod tests;
mod urls;
mod value;
mod variables;

/// The highest that `[server] max_message` can be: 64 MiB.
pub const MAX_MESSAGE: usize = 64 * 1024 * 1024;

/// An annotated configuration: every key with its default.
pub const EXAMPLE: &str = include_str!("example.toml");

/// The values of flags, which take precedence over all others.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// `--config`: this file and no other.
    pub config: Option<PathBuf>,
    /// `--listen`.
    pub listen: Option<SocketAddr>,
    /// `--metrics-listen`.
    pub metrics_listen: Option<MetricsListen>,
    /// `--record` or `--replay`.
    pub tape: Option<CassetteMode>,
}

/// A folder of recordings, for all providers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CassetteMode {
    /// The providers' responses are recorded there.
    Record(PathBuf),
    /// The providers' responses come from there; keys are not needed, and nothing is limited.
    Replay(PathBuf),
}

/// An address or `off`; parses from either.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MetricsListen(pub Option<SocketAddr>);

/// A configuration and where it comes from.
#[derive(Clone, Debug)]
pub struct Loaded {
    pub config: Config,
    /// `None`: there is no file.
    pub file: Option<PathBuf>,
    /// Every value in the order of reading, for `config show --origin`.
    pub settings: Vec<Setting>,
    /// Valid values that need attention.
    pub warnings: Vec<Mistake>,
    /// Warnings about secrets in the file that other users can read; not among `warnings`.
    pub exposed: Vec<Mistake>,
    /// A file in the current folder that was not read.
    pub ignored_file: Option<Mistake>,
}

/// One value and where it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Like `server.listen` or `models[0].name`.
    pub key: String,
    /// For people: a secret is `***`, a URL is without its password.
    pub value: String,
    pub origin: Origin,
}

/// Everything an operator can set. Flags > environment > file > default, per value.
#[derive(Clone, Debug)]
pub struct Config {
    pub server: Server,
    pub database: Database,
    pub redis: Redis,
    pub auth: Auth,
    pub audit: Audit,
    /// Never empty: `mock` is here where nothing else is configured.
    pub providers: Vec<Provider>,
    /// Never empty; the first is the default model.
    pub models: Vec<Model>,
    pub limits: Vec<Limit>,
    /// The secrets to redact: those of this configuration and of the environment.
    pub secrets: Redaction,
}

#[derive(Clone, Debug)]
pub struct Server {
    pub listen: SocketAddr,
    /// `None`: metrics are off.
    pub metrics_listen: Option<SocketAddr>,
    /// How long running turns may go on after SIGTERM.
    pub drain_timeout: Duration,
    /// Peers whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Sites whose pages may open WebSockets, besides the one this service is reached under.
    pub allowed_origins: Vec<url::Origin>,
    pub max_sockets_per_user: usize,
    /// Ping interval of a WebSocket; after three intervals of silence it is closed.
    pub ws_heartbeat: Duration,
    /// How long one frame may take to be sent.
    pub ws_write_timeout: Duration,
    /// Diagnostic: an echo for protocol test suites.
    pub ws_echo: bool,
    /// Maximum number of open connections.
    pub max_connections: usize,
    /// Maximum from one address (IPv6: one /64) that is neither a trusted proxy nor this machine.
    pub max_connections_per_address: usize,
    /// Maximum number at once; further ones are refused.
    pub max_requests_in_flight: usize,
    /// Maximum number in this process; further messages are refused.
    pub max_running_turns: usize,
    /// Bytes of text in UTF-8: of a message, of each in its `history`, and of a system prompt.
    pub max_message: usize,
    /// Time for a request head to arrive.
    pub head_timeout: Duration,
    /// Time without a request on an open connection.
    pub idle_timeout: Duration,
    /// Period over which the minimum rate of a request body is measured.
    pub body_timeout: Duration,
    /// Period over which the minimum rate of reading a response is measured.
    pub write_timeout: Duration,
}

#[derive(Clone, Debug)]
pub struct Database {
    /// `sqlite://PATH` or `postgres://…`; may hold a password.
    pub url: Secret,
    pub max_connections: u32,
}

#[derive(Clone, Debug)]
pub struct Redis {
    /// `None`: the database is the counter backend, and live state is in memory.
    pub url: Option<Secret>,
    pub command_timeout: Duration,
    pub on_failure: OnFailure,
}

/// The counter backend while Redis is unavailable: the database, or none, and requests are refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnFailure {
    Database,
    Refuse,
}

#[derive(Clone, Debug)]
pub struct Auth {
    pub registration: Registration,
    pub access_token_ttl: Duration,
    pub refresh_token_ttl: Duration,
    pub min_password_length: usize,
    /// At least 32 bytes. `None`: with SQLite one is made beside the database, with PostgreSQL `serve` refuses to start.
    pub jwt_secret: Option<Secret>,
    /// Still accepted, never used to sign.
    pub previous_jwt_secrets: Vec<Secret>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Registration {
    Closed,
    Open,
}

#[derive(Clone, Debug)]
pub struct Audit {
    /// Where signed checkpoints of the audit log are appended. `None`: none are made.
    pub checkpoint_file: Option<PathBuf>,
    /// Rows between two checkpoints.
    pub checkpoint_every: u32,
    /// Created at its first use. `None`: beside the SQLite database.
    pub signing_key_file: Option<PathBuf>,
}

/// A provider of language models.
#[derive(Clone, Debug)]
pub struct Provider {
    pub name: String,
    pub kind: ProviderKind,
    /// Without a trailing slash. OpenAI: up to and with `/v1`. Anthropic: the origin.
    pub base_url: String,
    pub api_key: Option<Secret>,
    /// Sent along with every request.
    pub headers: Vec<Header>,
    /// Maximum number of concurrent calls of one process. `None`: no maximum.
    pub max_concurrent: Option<u32>,
    pub timeouts: Timeouts,
    /// The folder of recordings: a `cassette` provider reads them there, any other writes them there.
    pub dir: Option<PathBuf>,
    /// Of kind `cassette`: the other configured providers, whose recordings it skips. It replays those of unknown ones.
    pub others: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProviderKind {
    Openai,
    Anthropic,
    Mock,
    /// Replays recordings, and makes no calls.
    Cassette,
}

#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// For a permit, while `max_concurrent` calls are running.
    pub queue: Duration,
    pub connect: Duration,
    /// From sending the request to the first text.
    pub first_token: Duration,
    /// Silence between two chunks.
    pub idle: Duration,
    /// The whole call.
    pub total: Duration,
}

/// A model that users may name.
#[derive(Clone, Debug)]
pub struct Model {
    pub name: String,
    /// The name of its provider.
    pub provider: String,
    /// Its name at the provider.
    pub upstream_name: String,
    pub max_output_tokens: u32,
    /// Input and output together, in tokens.
    pub context_window: u32,
    /// `None`: its cost counts as zero.
    pub price: Option<Price>,
    /// `None`: all its text is the reply.
    pub inline_reasoning: Option<InlineReasoning>,
    /// The script of a `mock` model.
    pub script: MockScript,
}

/// US dollars per million tokens.
#[derive(Clone, Copy, Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Price {
    pub input: f64,
    pub output: f64,
    /// For input tokens from the provider's cache; the price of `input` if not given.
    pub cached: Option<f64>,
}

/// Scripted behaviour of a `mock` model. All off: it repeats the prompt at once.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MockScript {
    /// Fixed reply instead of the prompt.
    pub reply: Option<String>,
    /// Delay before the first token.
    pub delay: Duration,
    /// `None`: as fast as they can be read.
    pub tokens_per_second: Option<f64>,
    /// Break off with an upstream error after so many chunks.
    pub error_after: Option<u32>,
    /// Refuse every call with this HTTP status, as an upstream would (429, 500, …).
    pub status: Option<u16>,
    /// Never respond.
    pub hang: bool,
}
