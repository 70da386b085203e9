//! The operations. This is the only floor where rules live: HTTP and the command line take requests apart, call one
//! function here, and put answers together.

mod admin;
mod catalogue;
mod conversations;
mod error;
mod identity;
mod limits;
mod ops;
mod turn;

pub use self::{
    admin::{
        audit::{AuditFollower, Evidence, Verified, verify_export},
        auditor::Auditor,
        authority::Admin,
        completion_candidates::{Suggestion, Wanted, suggestions},
        id_prefix::the_only,
        users::{FirstPassword, MadeUser, UserSpec},
    },
    catalogue::{ModelInfo, configured_models},
    conversations::{ConversationChange, ConversationSpec},
    error::{Error, Result},
    identity::{
        api_keys::KeySpec,
        caller::{Caller, Origin},
        login::TokenPair,
        socket_permits::SocketPermit,
    },
    limits::{Amount, LimitView, OverrideSpec, OverrideView, RefusalView, ViolationView, refusal::Refused},
    ops::{
        doctor::{CheckStatus, Diagnosis, Examination, examine},
        setup::Purpose,
        status::{MetricsSnapshot, ServiceStatus, SystemStatus},
    },
    turn::{
        request::{RawTurnRequest, TurnRequest},
        subscription::Subscription,
    },
};
pub use crate::store::{AuditFilter, Migration, OwnedKey, UserFilter};
use crate::{
    config::{Config, ProviderKind},
    metrics::Metrics,
    model::{InstanceId, Scope},
    redis::RedisLink,
    store::Store,
};

/// Everything an operation needs, built once (`setup`).
pub struct App {
    config: Config,
    /// This process, as the owner of the turns it runs.
    instance: InstanceId,
    store: Store,
    redis: Option<RedisLink>,
    limits: limits::Limits,
    turns: turn::Turns,
    catalogue: catalogue::Catalogue,
    identity: identity::Identity,
    audit: admin::audit::AuditLog,
    metrics: Metrics,
    lifecycle: ops::lifecycle::Lifecycle,
    /// The replica that serves although this one does, and without Redis only one may.
    other_replica: parking_lot::Mutex<Option<crate::store::ReplicaLease>>,
    untrusted_proxies: ops::untrusted_proxies::UntrustedProxies,
}

impl App {
    pub fn config(&self) -> &Config {
        &self.config
    }

    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    pub fn models(&self, caller: &Caller) -> Result<Vec<ModelInfo>> {
        caller.may(Scope::Read)?;
        Ok(self.catalogue.infos())
    }

    /// Whether only built-in models answer.
    pub fn has_no_provider(&self) -> bool {
        self.config.providers.iter().all(|provider| provider.kind == ProviderKind::Mock)
    }

    /// Whether the data is one person's: a SQLite file.
    pub fn is_local(&self) -> bool {
        self.store.is_sqlite()
    }
}
