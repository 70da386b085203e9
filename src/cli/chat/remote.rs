//! HTTP client of a server: it sends messages as any client does, and reads their events as they come. Turns that were
//! not read to their end can be cancelled, also where the response has not come yet.

use std::{collections::HashSet, sync::Arc, time::Duration};

use parking_lot::{Mutex, MutexGuard};
use reqwest::Response;
use serde::de::DeserializeOwned;
use tokio::time::timeout;
use tokio_util::task::TaskTracker;
use url::Url;

use super::{
    Failure,
    remote_turn::{EventStream, RemoteTurn},
};
use crate::{
    app::{Error, ModelInfo, RawTurnRequest, TurnRequest, the_only},
    event::{Numbered, TurnEvent},
    model::{Conversation, ConversationId, IdPrefix, Page, Problem, TurnId},
};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Read timeout, longer than the server's heartbeat of 15 s: a silence like this is a dead connection.
const SILENCE: Duration = Duration::from_secs(45);
/// How long a cancellation waits for requests in flight, and for its own.
const CANCEL_WITHIN: Duration = Duration::from_secs(3);

/// A mcpchat server and the token to use.
pub(in crate::cli) struct Server {
    base: Url,
    client: reqwest::Client,
    token: String,
    /// Requests in flight.
    sending: TaskTracker,
    running: Mutex<HashSet<TurnId>>,
}

#[derive(serde::Serialize)]
struct NewMessage<'a> {
    #[serde(flatten)]
    ask: &'a RawTurnRequest,
    stream: bool,
}

impl Server {
    pub(in crate::cli) fn new(url: &str) -> Result<Self, Failure> {
        let base = Url::parse(url).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        let base = base.ok_or_else(|| {
            Failure::Usage(format!("`{url}` is no server URL; it looks like https://chat.example.org"))
        })?;
        let token = std::env::var("MCPCHAT_TOKEN").ok().filter(|token| !token.trim().is_empty());
        let token = token.ok_or_else(|| {
            Failure::App(Error::Unauthenticated(
                "no token; put an access token or an API key into MCPCHAT_TOKEN".into(),
            ))
        })?;
        let client = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(SILENCE)
            .redirect(reqwest::redirect::Policy::none())
            .tcp_nodelay(true)
            .user_agent(concat!("mcpchat/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| Failure::Unreachable(error.to_string()))?;
        let (sending, running) = (TaskTracker::new(), Mutex::default());
        Ok(Self { base, client, token: token.trim().to_owned(), sending, running })
    }

    /// Sends a message in a task that outlives the caller until the turn is known, so that it can be cancelled.
    pub(super) async fn send(server: &Arc<Self>, ask: TurnRequest) -> Result<RemoteTurn, Failure> {
        let task = Arc::clone(server);
        let sent = server.sending.spawn(async move { task.begin(&ask).await });
        let (request_id, frames, first) = sent.await.map_err(std::io::Error::other)??;
        Ok(RemoteTurn::new(Arc::clone(server), request_id, frames, first))
    }

    async fn begin(&self, ask: &TurnRequest) -> Result<(String, EventStream, Option<Numbered>), Failure> {
        let message = NewMessage { ask, stream: true };
        let sent = self.client.post(self.path("messages")).bearer_auth(&self.token).json(&message).send().await;
        let response = self.accept(sent.map_err(|error| self.unreachable(&error))?).await?;
        let request_id = header(&response, "x-request-id").to_owned();
        let mut frames = EventStream::new(response);
        let first = frames.next().await?;
        if let Some(Numbered { event: TurnEvent::Turn(started), .. }) = &first {
            self.running().insert(started.turn_id);
        }
        Ok((request_id, frames, first))
    }

    /// Notes that the turn has ended.
    pub(super) fn ended(&self, turn_id: TurnId) {
        self.running().remove(&turn_id);
    }

    /// Lists the models that the token's user may use.
    pub(in crate::cli) async fn models(&self) -> Result<Vec<ModelInfo>, Failure> {
        Ok(self.get::<Page<ModelInfo>>("models").await?.items)
    }

    /// Finds the conversation of the token's user by the prefix of its id.
    pub(super) async fn find_conversation(&self, prefix: &IdPrefix) -> Result<ConversationId, Failure> {
        if let Some(id) = prefix.exact() {
            return Ok(id.into());
        }
        let (mut found, mut path) = (Vec::new(), "conversations?limit=200".to_owned());
        loop {
            let page: Page<Conversation> = self.get(&path).await?;
            found.extend(page.items.iter().map(|item| item.id).filter(|id| prefix.begins((*id).into())));
            match page.next_cursor {
                Some(cursor) if found.len() < 2 => path = format!("conversations?limit=200&cursor={cursor}"),
                _ => return Ok(the_only(found, "conversation", prefix)?),
            }
        }
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        let sent = self.client.get(self.path(path)).bearer_auth(&self.token).send().await;
        let response = sent.map_err(|error| self.unreachable(&error))?;
        let status = response.status().as_u16();
        match header(&response, "content-type") {
            "application/json" if status == 200 => response.json().await.map_err(|_| self.stranger(status)),
            _ => Err(self.refusal(response).await),
        }
    }

    /// Cancels all turns that were not read to their end. One that cannot be reached ends by itself.
    pub(super) async fn cancel_all(&self) {
        self.sending.close();
        timeout(CANCEL_WITHIN, self.sending.wait()).await.ok();
        let running = std::mem::take(&mut *self.running());
        let cancels = running.into_iter().map(|turn_id| {
            let url = self.path(&format!("turns/{turn_id}"));
            self.client.delete(url).bearer_auth(&self.token).timeout(CANCEL_WITHIN).send()
        });
        futures_util::future::join_all(cancels).await;
    }

    fn path(&self, path: &str) -> String {
        format!("{}/api/v1/{path}", self.base.as_str().trim_end_matches('/'))
    }

    fn running(&self) -> MutexGuard<'_, HashSet<TurnId>> {
        self.running.lock()
    }

    /// Accepts an event stream; everything else is an error, also of a server that is not mcpchat.
    async fn accept(&self, response: Response) -> Result<Response, Failure> {
        let status = response.status();
        match header(&response, "content-type") {
            "text/event-stream" if status == 200 => Ok(response),
            _ => Err(self.refusal(response).await),
        }
    }

    async fn refusal(&self, response: Response) -> Failure {
        let status = response.status().as_u16();
        if header(&response, "content-type") != "application/problem+json" {
            return self.stranger(status);
        }
        let problem = response.json::<Problem>().await;
        problem.map_or_else(|_| self.stranger(status), |problem| Failure::Problem(Box::new(problem)))
    }

    fn stranger(&self, status: u16) -> Failure {
        Failure::Unreachable(format!(
            "{} answered with status {status}, but not as a mcpchat server does; is the URL right?",
            self.base
        ))
    }

    fn unreachable(&self, error: &reqwest::Error) -> Failure {
        // reqwest hides the cause (refused, no such host, bad certificate) in the chain.
        let mut text = error.to_string();
        let mut cause = std::error::Error::source(error);
        while let Some(inner) = cause {
            text = inner.to_string();
            cause = inner.source();
        }
        if !error.is_connect() && !error.is_timeout() {
            let base = &self.base;
            return Failure::Unreachable(format!("{base} does not answer in HTTP ({text}); is the URL right?"));
        }
        Failure::Unreachable(format!("{} cannot be reached: {text}", self.base))
    }
}

fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    response.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}
