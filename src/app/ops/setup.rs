//! Building the app from the configuration: the only place where configuration turns into connections and keys.

use std::sync::Arc;

use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{readiness_probes::ReadinessProbes, untrusted_proxies::UntrustedProxies};
use crate::{
    app::{
        App, Error, Result,
        admin::audit::{Checkpoints, Refusals},
        catalogue::Catalogue,
        identity::{
            api_keys::Uses, credential_cache::CredentialCache, login_addresses::LoginAddresses,
            revocation_bus::RevocationBus, socket_permits::SocketPermits,
        },
        limits::Limits,
    },
    auth::{AccessTokens, Passwords, SigningKeys},
    config::{Config, Secret},
    live::Live,
    metrics::Metrics,
    model::InstanceId,
    redis::RedisLink,
    store::Store,
};

/// What an app is built for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// The service, with logins.
    Serve,
    /// One command at the shell.
    Command,
    /// Diagnosis: nothing is changed.
    Examination,
}

impl App {
    /// Opens everything that is configured. Database and Redis may be unavailable; operations that need them fail then.
    pub async fn open(config: Config, purpose: Purpose) -> Result<Arc<Self>> {
        let mut store = Store::open(&config.database)?;
        if purpose != Purpose::Examination {
            store.make_files_private();
        }
        let checkpoints = Arc::new(Checkpoints::new(&config.audit, &store)?);
        if let Some(witness) = checkpoints.witness() {
            store = store.with_commit_hook(witness);
        }
        let redis = open_redis(&config).await?;
        let tokens = match purpose {
            Purpose::Serve => Some(access_tokens(&config, &store)?),
            Purpose::Command | Purpose::Examination => None,
        };
        let catalogue = Catalogue::new(&config)?;
        let instance = InstanceId::new();
        let revocation_bus = Arc::<RevocationBus>::default();
        Ok(Arc::new(Self {
            instance,
            since: std::time::Instant::now(),
            limits: Limits::new(&config, &store, redis.as_ref(), instance)?,
            live: Live::new(redis.clone()),
            key_queues: Arc::default(),
            metrics: Metrics::new(&catalogue.known.models),
            catalogue,
            passwords: Passwords::new(),
            login_addresses: LoginAddresses::new(),
            tokens,
            credential_cache: CredentialCache::new(Arc::clone(&revocation_bus)),
            revocation_bus,
            key_uses: Uses::default(),
            socket_permits: Arc::new(SocketPermits::new(config.server.max_sockets_per_user)),
            checkpoints,
            other_replica: std::sync::Mutex::default(),
            refusals: Refusals::default(),
            verifying: tokio::sync::Mutex::default(),
            turns: TaskTracker::new(),
            sockets: TaskTracker::new(),
            readiness_probes: ReadinessProbes::default(),
            untrusted_proxies: UntrustedProxies::default(),
            leaving: CancellationToken::new(),
            halted: CancellationToken::new(),
            store,
            redis,
            config,
        }))
    }
}

async fn open_redis(config: &Config) -> Result<Option<RedisLink>> {
    let Some(url) = &config.redis.url else { return Ok(None) };
    let link = RedisLink::open(url, config.redis.command_timeout).await;
    link.map(Some).map_err(|error| Error::Setup(error.to_string()))
}

fn access_tokens(config: &Config, store: &Store) -> Result<AccessTokens> {
    let secret = match &config.auth.jwt_secret {
        Some(secret) => secret.clone(),
        None => kept_secret(store)?,
    };
    let keys = SigningKeys::new(&secret, &config.auth.previous_jwt_secrets);
    Ok(AccessTokens::new(keys, config.auth.access_token_ttl))
}

/// A SQLite service keeps its own key beside its database; several replicas need the same one, from the operator.
fn kept_secret(store: &Store) -> Result<Secret> {
    let Some(path) = store.file() else {
        return Err(Error::Setup(
            "with PostgreSQL a signing key has to be set: put at least 32 random bytes (`openssl rand -base64 48`) \
             into MCPCHAT_JWT_SECRET or `[auth] jwt_secret`, the same on every replica"
                .into(),
        ));
    };
    SigningKeys::load_or_create(&path.with_extension("key")).map_err(|error| Error::Setup(error.to_string()))
}
