//! A turn as administrators see it.

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use super::{InstanceId, Turn, UserId};

/// A turn and its user, without message text and without the details of an error, which may repeat it: only its cause.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct OwnedTurn {
    #[serde(flatten)]
    pub turn: Turn,
    pub user_id: UserId,
    pub username: String,
    /// Which provider failed where, with its status and its message, where that repeats nothing of the conversation.
    pub cause: Option<String>,
    /// The process that runs it, or ran it.
    pub instance: InstanceId,
    /// A turn that still runs then, its lease not renewed, is ended as interrupted.
    pub lease_until: DateTime<Utc>,
}
