//! Frames to clients: one JSON object each, distinguished by its `type`. Those of a turn carry the client's `id`, the
//! `turn_id` and the event's `seq`. An `error` is a problem document with the frame's `type` in place of its own, which
//! is `urn:mcpchat:problem:` and the `code`.

use serde::Serialize;
use serde_json::{Map, Value};

use super::incoming::ClientId;
use crate::{
    event::{Done, Started, TurnEvent},
    model::{Invalid, Problem, TurnId, User},
};

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Outgoing<'a> {
    Welcome {
        user: &'a User,
        heartbeat_secs: u64,
    },
    Pong,
    Turn {
        id: &'a ClientId,
        seq: u64,
        /// Has the `turn_id`.
        #[serde(flatten)]
        started: &'a Started,
    },
    Delta {
        id: &'a ClientId,
        turn_id: TurnId,
        seq: u64,
        text: &'a str,
    },
    Snapshot {
        id: &'a ClientId,
        turn_id: TurnId,
        seq: u64,
        text: &'a str,
    },
    Done {
        id: &'a ClientId,
        turn_id: TurnId,
        seq: u64,
        #[serde(flatten)]
        done: &'a Done,
    },
    Error(Refused<'a>),
}

/// A problem; of a turn if it has a `seq`, else of the frame with this `id`.
#[derive(Serialize)]
pub(super) struct Refused<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a ClientId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    turn_id: Option<TurnId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seq: Option<u64>,
    title: &'a str,
    status: u16,
    detail: &'a str,
    code: &'a str,
    request_id: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [Invalid],
    #[serde(flatten)]
    extensions: Map<String, Value>,
}

impl<'a> Outgoing<'a> {
    pub(super) fn event(id: &'a ClientId, turn_id: TurnId, seq: u64, event: &'a TurnEvent) -> Self {
        match event {
            TurnEvent::Turn(started) => Self::Turn { id, seq, started },
            TurnEvent::Delta(delta) => Self::Delta { id, turn_id, seq, text: &delta.text },
            TurnEvent::Snapshot(text) => Self::Snapshot { id, turn_id, seq, text: &text.text },
            TurnEvent::Done(done) => Self::Done { id, turn_id, seq, done },
            TurnEvent::Error(problem) => {
                Self::Error(Refused { turn_id: Some(turn_id), seq: Some(seq), ..Refused::new(Some(id), problem) })
            }
        }
    }

    /// The error for a refused frame, which had no effect.
    pub(super) fn refusal(id: Option<&'a ClientId>, problem: &'a Problem) -> Self {
        Self::Error(Refused::new(id, problem))
    }

    pub(super) fn text(&self) -> String {
        serde_json::to_string(self).expect("a frame is plain JSON")
    }
}

impl<'a> Refused<'a> {
    fn new(id: Option<&'a ClientId>, problem: &'a Problem) -> Self {
        let mut extensions = problem.extensions.clone();
        // The frame of a turn has it already.
        extensions.remove("turn_id");
        Self {
            id,
            turn_id: None,
            seq: None,
            title: &problem.title,
            status: problem.status,
            detail: &problem.detail,
            code: &problem.code,
            request_id: &problem.request_id,
            errors: &problem.errors,
            extensions,
        }
    }
}
