//! A turn between its admission and its end: what its task carries along.

use std::{sync::Arc, time::Instant};

use super::request::TurnRequest;
use crate::{
    app::limits::enforce::TurnReservation,
    live::Running,
    model::{AttemptId, Turn},
    store::Exchange,
};

/// Stored, limits taken, and about to run.
pub(in crate::app) struct AdmittedTurn {
    pub(in crate::app) turn: Turn,
    pub(in crate::app) ask: TurnRequest,
    /// What the database knows about the conversation.
    pub(in crate::app) exchange: Exchange,
    /// The provider call that is written down already.
    pub(in crate::app) attempt: AttemptId,
    pub(in crate::app) running: Arc<Running>,
    pub(in crate::app) reservation: Arc<TurnReservation>,
    pub(in crate::app) request_id: String,
    /// When the request came.
    pub(in crate::app) since: Instant,
}
