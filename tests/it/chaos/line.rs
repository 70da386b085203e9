//! A stream of a turn's events, over SSE or a WebSocket, that may break off at any time without a fault.

use std::time::Duration;

use rand::{RngExt, rngs::StdRng};
use reqwest::Method;
use tokio::time::timeout;

use crate::harness::{Event, Events, Person, Socket, Value, json, socket::TEXT};

/// Longer than a heartbeat; a replica that is frozen says nothing for longer.
const SILENCE: Duration = Duration::from_secs(20);
const ANSWER: Duration = Duration::from_secs(15);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    Json,
    Sse,
    Socket,
}

impl Way {
    /// As often as they are used.
    pub const ALL: [Self; 5] = [Self::Json, Self::Sse, Self::Sse, Self::Socket, Self::Socket];

    pub fn streaming(random: &mut StdRng) -> Self {
        if random.random() { Self::Sse } else { Self::Socket }
    }
}

pub enum Line {
    Sse(Box<Events>),
    Socket(Box<Socket>),
}

/// What comes next.
pub enum Said {
    Event(Event),
    /// A problem that is not part of a turn's events.
    Refusal(Value),
    /// The line has broken off.
    Nothing,
}

/// No line: the answer that came instead of it, or none.
type NoLine = Option<reqwest::Response>;

impl Line {
    pub async fn send(way: Way, person: &Person, body: &Value, key: &str) -> Result<Self, NoLine> {
        let mut body = body.clone();
        if way == Way::Socket {
            body["type"] = json!("send");
            body["id"] = json!("m");
            body["idempotency_key"] = json!(key);
            return Self::on_socket(person, &body).await;
        }
        body["stream"] = json!(true);
        let request = person.request(Method::POST, "/api/v1/messages").header("idempotency-key", key).json(&body);
        Self::over_sse(request).await
    }

    pub async fn resume(way: Way, person: &Person, turn: &str, after: u64) -> Result<Self, NoLine> {
        if way == Way::Socket {
            let resume = json!({"type": "resume", "id": "m", "turn_id": turn, "after": after});
            return Self::on_socket(person, &resume).await;
        }
        let request = person.request(Method::GET, &format!("/api/v1/turns/{turn}/events?after={after}"));
        Self::over_sse(request).await
    }

    async fn over_sse(request: reqwest::RequestBuilder) -> Result<Self, NoLine> {
        let Ok(Ok(response)) = timeout(ANSWER, request.send()).await else { return Err(None) };
        let is_stream = response.headers().get("content-type").is_some_and(|kind| kind == "text/event-stream");
        if is_stream { Ok(Self::Sse(Box::new(Events::from(response)))) } else { Err(Some(response)) }
    }

    async fn on_socket(person: &Person, first: &Value) -> Result<Self, NoLine> {
        let Ok(Some(mut socket)) = timeout(ANSWER, Socket::try_of(person)).await else { return Err(None) };
        socket.say(first).await;
        Ok(Self::Socket(Box::new(socket)))
    }

    pub async fn next(&mut self) -> Said {
        match self {
            Self::Sse(events) => match timeout(SILENCE, events.next()).await {
                Ok(Some(event)) => Said::Event(event),
                Ok(None) | Err(_) => Said::Nothing,
            },
            Self::Socket(socket) => match timeout(SILENCE, socket.message()).await {
                Ok(Some((TEXT, text))) => said(serde_json::from_slice(&text).expect("frames are JSON")),
                Ok(_) | Err(_) => Said::Nothing,
            },
        }
    }

    /// Goes away, politely or not.
    pub fn cut(self, random: &mut StdRng) {
        match self {
            Self::Socket(socket) if random.random() => socket.reset(),
            Self::Sse(_) | Self::Socket(_) => {}
        }
    }
}

fn said(frame: Value) -> Said {
    let name = frame["type"].as_str().expect("a frame has a type").to_owned();
    match frame["seq"].as_u64() {
        Some(id) => Said::Event(Event { id, name, data: frame }),
        None => Said::Refusal(frame),
    }
}
