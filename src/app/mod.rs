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

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio_util::{sync::CancellationToken, task::TaskTracker};

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
    auth::{AccessTokens, Passwords},
    config::{Config, ProviderKind},
    live::Live,
    metrics::Metrics,
    model::{InstanceId, Scope},
    redis::RedisLink,
    store::Store,
};

/// How long turns that have to end may take to store their ends.
const END_TIMEOUT: Duration = Duration::from_secs(5);

/// Everything an operation needs, built once (`setup`).
pub struct App {
    config: Config,
    /// This process, as the owner of the turns it runs.
    instance: InstanceId,
    /// When it was built.
    since: std::time::Instant,
    store: Store,
    redis: Option<RedisLink>,
    limits: limits::Limits,
    live: Live,
    key_queues: Arc<turn::idempotency::KeyQueues>,
    catalogue: catalogue::Catalogue,
    passwords: Passwords,
    login_addresses: identity::login_addresses::LoginAddresses,
    /// `None` at the shell, where there is no login.
    tokens: Option<AccessTokens>,
    revocation_bus: Arc<identity::revocation_bus::RevocationBus>,
    credential_cache: identity::credential_cache::CredentialCache,
    key_uses: identity::api_keys::Uses,
    checkpoints: Arc<admin::audit::Checkpoints>,
    refusals: admin::audit::Refusals,
    /// Held by the one verification there may be at a time.
    verifying: tokio::sync::Mutex<()>,
    metrics: Metrics,
    /// The replica that serves although this one does, and without Redis only one may.
    other_replica: std::sync::Mutex<Option<crate::store::ReplicaLease>>,
    /// The places that open WebSockets take.
    socket_permits: Arc<identity::socket_permits::SocketPermits>,
    /// The running turns.
    turns: TaskTracker,
    /// The open WebSockets. Apart from the turns, because these are bounded by their number.
    sockets: TaskTracker,
    readiness_probes: ops::readiness_probes::ReadinessProbes,
    untrusted_proxies: ops::untrusted_proxies::UntrustedProxies,
    /// Clients should go elsewhere: this process is about to end.
    leaving: CancellationToken,
    /// The running turns have to end now, and no new ones are taken.
    halted: CancellationToken,
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

    /// Whether this process is about to end.
    pub fn is_draining(&self) -> bool {
        self.leaving.is_cancelled()
    }

    /// Whether the data is one person's: a SQLite file.
    pub fn is_local(&self) -> bool {
        self.store.is_sqlite()
    }

    /// Cancels every turn of this process and waits until their ends are stored.
    pub async fn cancel_all(&self) {
        self.live.cancel_all();
        self.until_idle(END_TIMEOUT).await;
    }

    /// Waits for the running turns and the WebSockets, no longer than so. Gives whether that sufficed.
    async fn until_idle(&self, time: Duration) -> bool {
        self.turns.close();
        self.sockets.close();
        let all = async { tokio::join!(self.turns.wait(), self.sockets.wait()) };
        tokio::time::timeout(time, all).await.is_ok()
    }

    /// Says that it is about to end, and goes on for as long as balancers need to hear of it; gives what is left of
    /// `[server] drain_timeout`.
    pub async fn leave(&self) -> Duration {
        self.leaving.cancel();
        self.release_replica_lease().await;
        let all = self.config.server.drain_timeout;
        let notice = self.readiness_probes.drain_delay(Instant::now()).min(all);
        tokio::time::sleep(notice).await;
        all - notice
    }

    /// Waits for the running turns; what is left after `time` then ends as interrupted, with its partial reply.
    pub async fn drain(self: &Arc<Self>, time: Duration) {
        if !self.until_idle(time).await {
            tracing::warn!(turns = self.live.count(), "the drain time is over; the running turns are interrupted");
        }
        self.halt().await;
    }

    /// Ends the running turns now, stores what they have, and closes the database.
    pub async fn halt(self: &Arc<Self>) {
        self.leaving.cancel();
        self.halted.cancel();
        self.until_idle(END_TIMEOUT).await;
        self.release_replica_lease().await;
        self.live.publish_once().await;
        self.note_key_uses().await;
        self.write_refusals().await;
        Box::pin(self.finish_audit()).await;
        self.store.close().await;
    }

    fn tokens(&self) -> &AccessTokens {
        self.tokens.as_ref().expect("`Purpose::Serve` makes them, and only requests over HTTP ask")
    }
}
