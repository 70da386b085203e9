//! Turn events, whatever carries them: SSE, WebSocket, a terminal.

mod numbering;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use self::numbering::{TURN_SEQ, delta_seq, end_seq, first_delta_after, last_delta_seq};
use crate::model::{ConversationId, Message, MessageId, Problem, Turn, TurnId, Usage};

/// An event with its number in the turn: from 1, without gaps.
#[derive(Clone, Debug)]
pub struct Numbered {
    pub seq: u64,
    pub event: TurnEvent,
}

/// The first event is `Turn`, the last is `Done` or `Error`.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum TurnEvent {
    Turn(Started),
    Done(Box<Done>),
    Error(Box<Problem>),
    Delta(Delta),
    /// The text so far in one piece, where the deltas are gone.
    Snapshot(Delta),
}

impl TurnEvent {
    /// The event's name on the wire.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Turn(_) => "turn",
            Self::Delta(_) => "delta",
            Self::Snapshot(_) => "snapshot",
            Self::Done(_) => "done",
            Self::Error(_) => "error",
        }
    }

    /// Parses an event from its name and body; `None` if they are of none.
    pub fn from_named(name: &str, body: String) -> Option<Self> {
        match name {
            "delta" => Some(Self::Delta(Delta { text: body })),
            "done" => serde_json::from_str(&body).map(Self::Done).ok(),
            "error" => serde_json::from_str(&body).map(Self::Error).ok(),
            _ => None,
        }
    }

    /// Whether nothing comes after it.
    pub fn is_last(&self) -> bool {
        matches!(self, Self::Done(_) | Self::Error(_))
    }
}

/// The turn is accepted and stored.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Started {
    pub turn_id: TurnId,
    pub conversation_id: ConversationId,
    pub user_message_id: MessageId,
    pub assistant_message_id: MessageId,
    pub model: String,
}

impl Started {
    pub fn of(turn: &Turn) -> Self {
        Self {
            turn_id: turn.id,
            conversation_id: turn.conversation_id,
            user_message_id: turn.user_message_id,
            assistant_message_id: turn.assistant_message_id,
            model: turn.model.clone(),
        }
    }
}

/// A piece of the reply.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Delta {
    pub text: String,
}

/// The turn has ended and its reply is stored.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Done {
    pub turn: Turn,
    pub message: Message,
    pub usage: Usage,
}
