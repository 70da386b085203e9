//! A provider on 127.0.0.1 that speaks the wire formats of OpenAI and Anthropic, does what the test has scripted, and
//! remembers the calls. Without a script it streams the prompt back word by word.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Instant,
};

use bytes::Bytes;
use futures_util::stream;
use http_body_util::{BodyExt, StreamBody, combinators::BoxBody};
use hyper::{Request, Response, body::Frame, body::Incoming, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use super::{
    Reply, Value,
    dialect::Dialect,
    eventually,
    reply::{Body, Step},
};

type Stream = BoxBody<Bytes, std::io::Error>;

/// One request as it came, and what became of it.
#[derive(Clone, Debug)]
pub struct Call {
    pub at: Instant,
    pub path: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Value,
    /// The client disconnected before the reply was whole.
    pub dropped: bool,
    /// The reply has been handed over whole.
    pub finished: bool,
}

impl Call {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The last message it was sent.
    pub fn question(&self) -> String {
        let question = self.body["messages"].as_array().and_then(|messages| messages.last());
        question.map(|message| plain(&message["content"])).unwrap_or_default()
    }

    /// The conversation it was sent, as `role: content` lines, without the system prompt.
    pub fn dialogue(&self) -> Vec<String> {
        let messages = self.body["messages"].as_array().expect("a list of messages").iter();
        let spoken = messages.filter(|message| message["role"] != "system" && message["role"] != "developer");
        spoken.map(|message| format!("{}: {}", message["role"].as_str().unwrap(), plain(&message["content"]))).collect()
    }
}

/// A content is a text or a list of blocks.
fn plain(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(blocks) => blocks.iter().map(|block| block["text"].as_str().unwrap()).collect(),
        other => panic!("a content that is neither text nor blocks: {other}"),
    }
}

type Mind = Arc<dyn Fn(&Call) -> Reply + Send + Sync>;

#[derive(Default)]
struct State {
    script: VecDeque<Reply>,
    otherwise: Option<Reply>,
    mind: Option<Mind>,
    list: Option<(u16, String)>,
    calls: Vec<Call>,
}

pub struct Provider {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
}

impl Provider {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::<Mutex<State>>::default();
        tokio::spawn(serve(listener, state.clone()));
        Self { address, state }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Scripts the next answer that has no script yet.
    pub fn next(&self, reply: Reply) -> &Self {
        self.state.lock().unwrap().script.push_back(reply);
        self
    }

    /// Scripts every answer for which there is no `next`.
    pub fn always(&self, reply: Reply) -> &Self {
        self.state.lock().unwrap().otherwise = Some(reply);
        self
    }

    /// Answers every call for which there is no `next` as this says.
    pub fn answers(&self, mind: impl Fn(&Call) -> Reply + Send + Sync + 'static) -> &Self {
        self.state.lock().unwrap().mind = Some(Arc::new(mind));
        self
    }

    /// Answers every request for its list of models with this, whatever key is shown.
    pub fn lists(&self, status: u16, body: &str) -> &Self {
        self.state.lock().unwrap().list = Some((status, body.to_owned()));
        self
    }

    /// All requests so far, in order.
    pub fn calls(&self) -> Vec<Call> {
        self.state.lock().unwrap().calls.clone()
    }

    pub fn call_count(&self) -> usize {
        self.state.lock().unwrap().calls.len()
    }

    pub fn last_call(&self) -> Call {
        self.calls().pop().expect("the provider was called")
    }

    /// Waits until it has been called so often.
    pub async fn called(&self, times: usize) -> Vec<Call> {
        eventually(&format!("{times} provider calls"), async || {
            let calls = self.calls();
            (calls.len() >= times).then_some(calls)
        })
        .await
    }
}

async fn serve(listener: TcpListener, state: Arc<Mutex<State>>) {
    while let Ok((socket, _)) = listener.accept().await {
        let _ = socket.set_nodelay(true);
        let state = state.clone();
        let service = service_fn(move |request| answer(request, state.clone()));
        tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(socket), service));
    }
}

/// For a request with the right key; not kept among the calls.
fn list_of_models(request: &Request<Incoming>, scripted: Option<(u16, String)>) -> Response<Stream> {
    let scripted = if request.uri().path() == "/v1/models" { scripted } else { Some((404, String::new())) };
    if let Some((status, body)) = scripted {
        let whole = http_body_util::Full::new(Bytes::from(body)).map_err(|never| match never {}).boxed();
        return Response::builder().status(status).body(whole).unwrap();
    }
    let shown = ["authorization", "x-api-key"].iter().find_map(|name| request.headers().get(*name));
    let is_right = shown.is_some_and(|key| key == "Bearer sk-openai" || key == "sk-anthropic");
    let body = if is_right { r#"{"data":[]}"# } else { r#"{"error":{"message":"no such key: sk-wrong-key"}}"# };
    let whole = http_body_util::Full::new(Bytes::from(body)).map_err(|never| match never {}).boxed();
    Response::builder().status(if is_right { 200 } else { 401 }).body(whole).unwrap()
}

async fn answer(request: Request<Incoming>, state: Arc<Mutex<State>>) -> Result<Response<Stream>, std::io::Error> {
    if request.method() == hyper::Method::GET {
        let scripted = state.lock().unwrap().list.clone();
        return Ok(list_of_models(&request, scripted));
    }
    let (head, body) = request.into_parts();
    let body: Value = serde_json::from_slice(&body.collect().await.map_err(std::io::Error::other)?.to_bytes())?;
    let headers = head.headers.iter();
    let headers =
        headers.map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()));
    let call = Call {
        at: Instant::now(),
        path: head.uri.path().to_owned(),
        headers: headers.collect(),
        body,
        dropped: false,
        finished: false,
    };
    let dialect = Dialect::of_path(&call.path);
    let (reply, fate) = {
        let mut locked = state.lock().unwrap();
        let scripted = locked.script.pop_front().or_else(|| locked.otherwise.clone());
        let mind = locked.mind.clone();
        let reply = scripted.unwrap_or_else(|| mind.map_or_else(|| echo(&call), |mind| mind(&call)));
        let reply = if dialect.is_none() { Reply::status(404) } else { reply };
        locked.calls.push(call);
        (reply, Fate { index: locked.calls.len() - 1, whole: false, state: state.clone() })
    };
    respond(dialect.unwrap_or(Dialect::Openai), reply, fate)
}

fn echo(call: &Call) -> Reply {
    Reply::text(call.question().split_inclusive(' '))
}

/// Notes at its end how the call ended.
struct Fate {
    index: usize,
    whole: bool,
    state: Arc<Mutex<State>>,
}

impl Drop for Fate {
    fn drop(&mut self) {
        let call = &mut self.state.lock().unwrap().calls[self.index];
        (call.dropped, call.finished) = (!self.whole, self.whole);
    }
}

fn respond(dialect: Dialect, reply: Reply, mut fate: Fate) -> Result<Response<Stream>, std::io::Error> {
    let (content_type, steps) = match reply.body {
        Body::HangUp => {
            fate.whole = true;
            return Err(std::io::Error::other("scripted hang-up"));
        }
        Body::Error => ("application/json", vec![Step::Text(dialect.error(reply.status))]),
        Body::Raw(content_type, bytes) => (content_type, vec![Step::Text(bytes)]),
        Body::Stream { steps, finish, usage } => {
            let text = steps.into_iter().map(|step| match step {
                Step::Text(text) => Step::Text(dialect.text(&text)),
                Step::Wait(_) | Step::Pause(_) | Step::Break => step,
            });
            let head = Step::Text(dialect.head(usage));
            let tail = Step::Text(dialect.tail(finish, usage));
            ("text/event-stream", std::iter::once(head).chain(text).chain([tail]).collect())
        }
    };
    let mut response = Response::builder().status(reply.status).header("content-type", content_type);
    for (name, value) in reply.headers {
        response = response.header(name, value);
    }
    Ok(response.body(play(steps, fate)).expect("the scripted status and headers are sound"))
}

/// The body, step by step. Dropped by hyper when the client is gone, and with it the `Fate`.
fn play(steps: Vec<Step>, fate: Fate) -> Stream {
    let frames = stream::unfold((VecDeque::from(steps), fate), async |(mut steps, mut fate)| {
        loop {
            let step = steps.pop_front();
            fate.whole |= steps.is_empty();
            match step? {
                Step::Wait(gate) => gate.pass().await,
                Step::Pause(time) => tokio::time::sleep(time).await,
                Step::Text(text) => return Some((Ok(Frame::data(Bytes::from(text))), (steps, fate))),
                Step::Break => {
                    // hyper sends what it has when there is nothing more to take for a moment.
                    tokio::task::yield_now().await;
                    fate.whole = true;
                    return Some((Err(std::io::Error::other("scripted break")), (VecDeque::new(), fate)));
                }
            }
        }
    });
    BodyExt::boxed(StreamBody::new(Box::pin(frames) as std::pin::Pin<Box<dyn stream::Stream<Item = _> + Send + Sync>>))
}
