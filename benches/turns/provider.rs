//! The provider: OpenAI's chat completions, always streamed, as mcpchat asks for them, on a thread of its own.
//!
//! It reads no more of a request than where it ends and which client's turn it belongs to (`@00017` in the question),
//! and answers with bytes made beforehand: a full reply is one write, a stream one write for each chunk. How long each
//! answer took is kept for the client, who takes it off its own time.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    runtime,
    task::yield_now,
    time::sleep,
};

use crate::{Result, client::position, load::MAX_CLIENTS, options::Reply};

/// In how many pieces a stream comes.
const CHUNKS: usize = 50;

const HEAD: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";

/// As the kernel shows it (15 characters).
pub const THREAD: &str = "bench-provider";

pub struct Provider {
    pub address: SocketAddr,
    streams: AtomicBool,
    pace: Duration,
    /// Nanoseconds of each client's last answer.
    took: Vec<AtomicU64>,
}

impl Provider {
    pub fn start(pace: Duration) -> Result<Arc<Self>> {
        let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        let took = (0..MAX_CLIENTS).map(|_| AtomicU64::new(0)).collect();
        let provider = Arc::new(Self { address: listener.local_addr()?, streams: AtomicBool::new(false), pace, took });
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        let served = provider.clone();
        thread::Builder::new().name(THREAD.into()).spawn(move || runtime.block_on(serve(served, listener)))?;
        Ok(provider)
    }

    /// From the next request on.
    pub fn answer_as(&self, reply: Reply) {
        self.streams.store(reply == Reply::Stream, Ordering::Relaxed);
    }

    /// How long the last answer to this client took, from the end of the request to the last write.
    pub fn took(&self, client: usize) -> Duration {
        Duration::from_nanos(self.took[client].load(Ordering::Acquire))
    }
}

async fn serve(provider: Arc<Provider>, listener: std::net::TcpListener) -> io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    let answers = Arc::new([Answer::full(), Answer::stream()]);
    loop {
        let (connection, _) = listener.accept().await?;
        connection.set_nodelay(true)?;
        let (provider, answers) = (provider.clone(), answers.clone());
        // An error is a client that has gone.
        tokio::spawn(async move { converse(&provider, &answers, connection).await });
    }
}

/// The parts of an answer, each of them one write; the last one by itself, because the time is taken before it.
struct Answer {
    parts: Vec<String>,
    last: String,
}

impl Answer {
    /// All at once.
    fn full() -> Self {
        let text = "The sky is blue because air scatters short waves most.".repeat(4);
        Self { parts: Vec::new(), last: [HEAD.to_owned(), piece(&text), end()].concat() }
    }

    fn stream() -> Self {
        let mut parts = vec![piece(" blue"); CHUNKS];
        parts[0].insert_str(0, HEAD);
        Self { parts, last: end() }
    }
}

/// A chunk with some of the text.
fn piece(text: &str) -> String {
    event(&chunk(&format!(r#""choices":[{{"index":0,"delta":{{"content":"{text}"}},"finish_reason":null}}]"#)))
}

/// Why it ends, what it took, and the end of the body.
fn end() -> String {
    let reason = chunk(r#""choices":[{"index":0,"delta":{},"finish_reason":"stop"}]"#);
    let usage = r#""choices":[],"usage":{"prompt_tokens":20,"completion_tokens":50,"total_tokens":70}"#;
    [event(&reason), event(&chunk(usage)), event("[DONE]"), "0\r\n\r\n".into()].concat()
}

fn chunk(members: &str) -> String {
    format!(r#"{{"id":"c","object":"chat.completion.chunk","created":1,"model":"near",{members}}}"#)
}

/// An event as a chunk of the body.
fn event(data: &str) -> String {
    let event = format!("data: {data}\n\n");
    format!("{:x}\r\n{event}\r\n", event.len())
}

async fn converse(provider: &Provider, answers: &[Answer; 2], mut connection: TcpStream) -> io::Result<()> {
    let mut read = Vec::with_capacity(4096);
    loop {
        let end = loop {
            if let Some(end) = end_of_request(&read) {
                break end;
            }
            if connection.read_buf(&mut read).await? == 0 {
                return Ok(());
            }
        };
        let (asked, client) = (Instant::now(), client_of(&read[..end]));
        read.drain(..end);
        let [full, stream] = answers;
        let answer = if provider.streams.load(Ordering::Relaxed) { stream } else { full };
        for part in &answer.parts {
            connection.write_all(part.as_bytes()).await?;
            // The others get their turn, as on a network.
            if provider.pace.is_zero() { yield_now().await } else { sleep(provider.pace).await }
        }
        if let Some(took) = client.and_then(|client| provider.took.get(client)) {
            took.store(u64::try_from(asked.elapsed().as_nanos()).unwrap_or(u64::MAX), Ordering::Release);
        }
        connection.write_all(answer.last.as_bytes()).await?;
    }
}

/// Where the body of the first request ends, if all of it is here.
fn end_of_request(bytes: &[u8]) -> Option<usize> {
    let head = position(bytes, b"\r\n\r\n")? + 4;
    let length = position(&bytes[..head], b"content-length: ")? + 16;
    let digits = bytes[length..head].iter().take_while(|byte| byte.is_ascii_digit());
    let body = digits.fold(0, |sum, digit| sum * 10 + usize::from(digit - b'0'));
    (bytes.len() >= head + body).then_some(head + body)
}

fn client_of(request: &[u8]) -> Option<usize> {
    let at = request.iter().rposition(|byte| *byte == b'@')? + 1;
    str::from_utf8(request.get(at..at + 5)?).ok()?.parse().ok()
}
