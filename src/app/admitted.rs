//! A turn between its admission and its end: what its task carries along.

use std::{sync::Arc, time::Instant};

use super::{ask::Ask, quota::Held};
use crate::{
    live::Running,
    model::{AttemptId, Turn},
    store::Exchange,
};

/// Stored, limits taken, and about to run.
pub(super) struct Admitted {
    pub(super) turn: Turn,
    pub(super) ask: Ask,
    /// What the database knows about the conversation.
    pub(super) exchange: Exchange,
    /// The provider call that is written down already.
    pub(super) attempt: AttemptId,
    pub(super) running: Arc<Running>,
    pub(super) held: Arc<Held>,
    pub(super) request_id: String,
    /// When the request came.
    pub(super) since: Instant,
}
