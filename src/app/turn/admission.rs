//! An admitted turn: the state that its task carries until the end.

use std::{sync::Arc, time::Instant};

use super::request::TurnRequest;
use crate::{
    app::limits::enforce::TurnReservation,
    live::Running,
    model::{AttemptId, Turn},
    store::Exchange,
};

/// A stored turn with its reservation, about to run.
pub(in crate::app) struct AdmittedTurn {
    pub(in crate::app) turn: Turn,
    pub(in crate::app) request: TurnRequest,
    /// The stored conversation.
    pub(in crate::app) exchange: Exchange,
    /// The provider call that is stored already.
    pub(in crate::app) attempt: AttemptId,
    pub(in crate::app) running: Arc<Running>,
    pub(in crate::app) reservation: Arc<TurnReservation>,
    pub(in crate::app) request_id: String,
    /// When the request arrived.
    pub(in crate::app) since: Instant,
}
