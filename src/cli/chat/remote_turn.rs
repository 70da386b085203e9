//! Event stream of a turn that runs on a server.

use std::sync::Arc;

use reqwest::Response;

use super::{Failure, remote::Server};
use crate::{
    event::{Numbered, TurnEvent},
    model::TurnId,
};

/// Maximum size of an event: the whole reply with its envelope.
const MAX_EVENT: usize = 32 * 1024 * 1024;

pub(super) struct RemoteTurn {
    server: Arc<Server>,
    /// The server's id of the request that began the turn.
    pub(super) request_id: String,
    turn_id: Option<TurnId>,
    /// The first event, read when the turn was begun.
    first: Option<Numbered>,
    frames: EventStream,
}

impl RemoteTurn {
    pub(super) fn new(server: Arc<Server>, request_id: String, frames: EventStream, first: Option<Numbered>) -> Self {
        Self { server, request_id, turn_id: None, first, frames }
    }

    /// The next event; `None` when the server closes the stream.
    pub(super) async fn next(&mut self) -> Result<Option<Numbered>, Failure> {
        let next = match self.first.take() {
            Some(first) => Some(first),
            None => self.frames.next().await?,
        };
        match next.as_ref().map(|numbered| &numbered.event) {
            Some(TurnEvent::Turn(started)) => self.turn_id = Some(started.turn_id),
            Some(event) if event.is_last() => self.turn_id.iter().for_each(|id| self.server.ended(*id)),
            Some(_) | None => {}
        }
        Ok(next)
    }
}

/// Parser of a stream of server-sent events.
pub(super) struct EventStream {
    response: Response,
    buffer: Vec<u8>,
}

impl EventStream {
    pub(super) fn new(response: Response) -> Self {
        Self { response, buffer: Vec::new() }
    }

    pub(super) async fn next(&mut self) -> Result<Option<Numbered>, Failure> {
        loop {
            if let Some(event) = self.take_event()? {
                return Ok(Some(event));
            }
            let broke =
                |error| Failure::Unreachable(format!("the answer broke off: {error}; the turn goes on and is kept"));
            match self.response.chunk().await.map_err(broke)? {
                Some(_) if self.buffer.len() > MAX_EVENT => {
                    return Err(Failure::Unreachable("the server sent an event without end".into()));
                }
                Some(chunk) => self.buffer.extend_from_slice(&chunk),
                None => return Ok(None),
            }
        }
    }

    /// Takes one event from the buffer, if it is complete. The server writes one line of data and `\n` only.
    fn take_event(&mut self) -> Result<Option<Numbered>, Failure> {
        while let Some(end) = self.buffer.windows(2).position(|pair| pair == b"\n\n") {
            let block: Vec<u8> = self.buffer.drain(..end + 2).collect();
            let text = String::from_utf8_lossy(&block);
            let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).map(str::trim_start);
            if let (Some(name), Some(data)) = (field("event:"), field("data:")) {
                let seq = field("id:").and_then(|id| id.parse().ok()).unwrap_or_default();
                return read(name, data).map(|event| Some(Numbered { seq, event }));
            }
        }
        Ok(None)
    }
}

fn read(name: &str, data: &str) -> Result<TurnEvent, Failure> {
    let event = match name {
        "turn" => serde_json::from_str(data).map(TurnEvent::Turn),
        "delta" => serde_json::from_str(data).map(TurnEvent::Delta),
        "snapshot" => serde_json::from_str(data).map(TurnEvent::Snapshot),
        "done" => serde_json::from_str(data).map(TurnEvent::Done),
        _ => serde_json::from_str(data).map(TurnEvent::Error),
    };
    event.map_err(|error| Failure::Unreachable(format!("the server sent an event that cannot be read: {error}")))
}
