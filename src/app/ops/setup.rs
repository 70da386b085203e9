//! Building the app from the configuration: the only place where configuration turns into connections and keys.

use std::sync::Arc;

use super::{lifecycle::Lifecycle, untrusted_proxies::UntrustedProxies};
use crate::{
    app::{
        App, Error, Result, admin::audit::AuditLog, catalogue::Catalogue, identity::Identity, limits::Limits,
        turn::Turns,
    },
    auth::{AccessTokens, SigningKeys},
    config::{Config, Secret},
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
        let store = Store::open(&config.database)?;
        if purpose != Purpose::Examination {
            store.make_files_private();
        }
        let (audit, store) = AuditLog::new(&config.audit, store)?;
        let redis = open_redis(&config).await?;
        let tokens = match purpose {
            Purpose::Serve => Some(access_tokens(&config, &store)?),
            Purpose::Command | Purpose::Examination => None,
        };
        let catalogue = Catalogue::new(&config)?;
        let instance = InstanceId::new();
        Ok(Arc::new(Self {
            instance,
            limits: Limits::new(&config, &store, redis.as_ref(), instance)?,
            turns: Turns::new(redis.clone()),
            metrics: Metrics::new(&catalogue.known.models),
            catalogue,
            identity: Identity::new(tokens, config.server.max_sockets_per_user),
            audit,
            lifecycle: Lifecycle::new(),
            other_replica: parking_lot::Mutex::default(),
            untrusted_proxies: UntrustedProxies::default(),
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
