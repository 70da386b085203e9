//! Operations: setup, maintenance, health, status and diagnosis of the service.

pub(super) mod doctor;
pub(super) mod health;
pub(super) mod lifecycle;
pub(super) mod maintenance;
pub(super) mod migrate;
pub(super) mod readiness_probes;
pub(super) mod replica_lease;
pub(super) mod setup;
mod shutdown;
pub(super) mod status;
pub(super) mod untrusted_proxies;
