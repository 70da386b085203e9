//! Administration: the authority for it, accounts, turns of all users, and the audit log.

pub(super) mod audit;
pub(super) mod auditor;
pub(super) mod authority;
pub(super) mod completion_candidates;
pub(super) mod id_prefix;
pub(super) mod turns;
pub(super) mod users;
