//! Asking through a server: the same request that any client sends, its events read as they come.

use std::time::Duration;

use serde::Serialize;
use url::Url;

use super::Failure;
use crate::{
    app::Ask,
    event::TurnEvent,
    model::{ConversationId, Problem},
};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Longer than the server's heartbeat of 15 s: a silence like this is a dead connection.
const SILENCE: Duration = Duration::from_secs(45);
/// An event is at most the whole reply with its envelope.
const MAX_EVENT: usize = 32 * 1024 * 1024;

/// A mcpchat server and the token to use.
pub(super) struct Server {
    base: Url,
    client: reqwest::Client,
    token: String,
}

#[derive(Serialize)]
struct NewMessage<'a> {
    content: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    conversation_id: Option<ConversationId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    system_prompt: Option<&'a str>,
    stream: bool,
}

impl Server {
    pub(super) fn new(url: &str) -> Result<Self, Failure> {
        let base = Url::parse(url).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        let base = base.ok_or_else(|| {
            Failure::Usage(format!("`{url}` is no server URL; it looks like https://chat.example.org"))
        })?;
        let token = std::env::var("MCPCHAT_TOKEN")
            .ok()
            .filter(|token| !token.trim().is_empty())
            .ok_or_else(|| Failure::Problem(Box::new(unauthenticated())))?;
        let client = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(SILENCE)
            .redirect(reqwest::redirect::Policy::none())
            .tcp_nodelay(true)
            .user_agent(concat!("mcpchat/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| Failure::Unreachable(error.to_string()))?;
        Ok(Self { base, client, token: token.trim().to_owned() })
    }

    pub(super) async fn send(&self, ask: &Ask) -> Result<RemoteTurn, Failure> {
        let message = NewMessage {
            content: &ask.content,
            conversation_id: ask.conversation_id,
            model: ask.model.as_deref(),
            system_prompt: ask.system_prompt.as_deref(),
            stream: true,
        };
        let url = format!("{}/api/v1/messages", self.base.as_str().trim_end_matches('/'));
        let sent = self.client.post(url).bearer_auth(&self.token).json(&message).send().await;
        let response = sent.map_err(|error| self.unreachable(&error))?;
        let content_type = response.headers().get("content-type").and_then(|value| value.to_str().ok()).unwrap_or("");
        match (response.status().as_u16(), content_type) {
            (200, "text/event-stream") => Ok(RemoteTurn { response, buffer: Vec::new() }),
            (_, "application/problem+json") => match response.json::<Problem>().await {
                Ok(problem) => Err(Failure::Problem(Box::new(problem))),
                Err(error) => Err(self.unreachable(&error)),
            },
            (status, _) => Err(Failure::Unreachable(format!(
                "{} answered with status {status}, but not as a mcpchat server does; is the URL right?",
                self.base
            ))),
        }
    }

    fn unreachable(&self, error: &reqwest::Error) -> Failure {
        // reqwest hides the cause (refused, no such host, bad certificate) in the chain.
        let mut text = error.to_string();
        let mut cause = std::error::Error::source(error);
        while let Some(inner) = cause {
            text = inner.to_string();
            cause = inner.source();
        }
        Failure::Unreachable(format!("{} cannot be reached: {text}", self.base))
    }
}

fn unauthenticated() -> Problem {
    crate::app::Error::Unauthenticated("no token; put an access token into MCPCHAT_TOKEN".into()).problem("")
}

/// A turn that runs on a server.
pub(super) struct RemoteTurn {
    response: reqwest::Response,
    buffer: Vec<u8>,
}

impl RemoteTurn {
    /// The next event; `None` when the server closes the stream.
    pub(super) async fn next(&mut self) -> Result<Option<TurnEvent>, Failure> {
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

    /// One event of the buffer, if a whole one is there. The server writes one line of data and `\n` only.
    fn take_event(&mut self) -> Result<Option<TurnEvent>, Failure> {
        while let Some(end) = self.buffer.windows(2).position(|pair| pair == b"\n\n") {
            let block: Vec<u8> = self.buffer.drain(..end + 2).collect();
            let text = String::from_utf8_lossy(&block);
            let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).map(str::trim_start);
            if let (Some(name), Some(data)) = (field("event:"), field("data:")) {
                return read(name, data).map(Some);
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
