//! Identity: login, credentials and their cache, and how a revocation reaches every replica.

pub(super) mod api_keys;
pub(super) mod authenticate;
pub(super) mod caller;
pub(super) mod credential_cache;
pub(super) mod login;
pub(super) mod login_addresses;
pub(super) mod revocation_bus;
pub(super) mod revocations;
pub(super) mod socket_permits;

use std::sync::Arc;

use uuid::Uuid;

use self::{
    api_keys::Uses, credential_cache::CredentialCache, login_addresses::LoginAddresses, revocation_bus::RevocationBus,
    socket_permits::SocketPermits,
};
use crate::auth::{AccessTokens, Passwords};

/// What is known of users, logins and keys, and how they are checked.
pub(super) struct Identity {
    passwords: Passwords,
    login_addresses: LoginAddresses,
    /// `None` at the shell, where there is no login.
    tokens: Option<AccessTokens>,
    revocation_bus: Arc<RevocationBus>,
    credential_cache: CredentialCache,
    key_uses: Uses,
    socket_permits: Arc<SocketPermits>,
}

impl Identity {
    pub(super) fn new(tokens: Option<AccessTokens>, max_sockets_per_user: usize) -> Self {
        let revocation_bus = Arc::<RevocationBus>::default();
        Self {
            passwords: Passwords::new(),
            login_addresses: LoginAddresses::new(),
            tokens,
            credential_cache: CredentialCache::new(Arc::clone(&revocation_bus)),
            revocation_bus,
            key_uses: Uses::default(),
            socket_permits: Arc::new(SocketPermits::new(max_sockets_per_user)),
        }
    }

    pub(super) fn passwords(&self) -> &Passwords {
        &self.passwords
    }

    /// Tells every connection of this process that a committed change has ended something of a subject; other replicas read
    /// it from the feed.
    pub(super) fn publish_revocation(&self, subject: impl Into<Uuid>) {
        self.revocation_bus.publish(subject);
    }

    fn tokens(&self) -> &AccessTokens {
        self.tokens.as_ref().expect("`Purpose::Serve` makes them, and only requests over HTTP ask")
    }
}
