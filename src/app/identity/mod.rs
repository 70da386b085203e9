//! Who asks: logging in, credentials and what is known of them, and how a revocation reaches every replica.

pub(super) mod api_keys;
pub(super) mod authenticate;
pub(super) mod caller;
pub(super) mod credential_cache;
pub(super) mod login;
pub(super) mod login_addresses;
pub(super) mod revocation_bus;
pub(super) mod revocations;
pub(super) mod socket_permits;
