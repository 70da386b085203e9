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
