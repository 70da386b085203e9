//! The clients, all on one thread: each sends a request, reads the whole response, checks it, and sends the next.

use std::{
    collections::BTreeMap,
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use tokio::{runtime, time::sleep};

use crate::{
    Result,
    client::{Answer, Client, position},
    mcpchat::{PEOPLE, address_of, post},
    options::{Reply, Scenario},
    provider::Provider,
};

/// As the kernel shows it (15 characters).
pub const THREAD: &str = "bench-clients";

/// Their numbers are five digits wide in the question.
pub const MAX_CLIENTS: usize = 100_000;

/// One turn that a client has had.
#[derive(Clone, Copy)]
pub struct Turn {
    pub ended: Instant,
    pub took: Duration,
    /// The provider's part of that.
    pub provider: Duration,
    /// In how many pieces the text came.
    pub deltas: u32,
}

#[derive(Default)]
pub struct Outcome {
    pub turns: Vec<Turn>,
    /// How often, by what was wrong.
    pub errors: BTreeMap<String, u64>,
}

/// Running until it is stopped.
pub struct Load {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Outcome>,
}

impl Load {
    pub fn start(scenario: Scenario, api: SocketAddr, tokens: &[String], provider: &Arc<Provider>) -> Result<Self> {
        provider.answer_as(scenario.reply);
        let stop = Arc::new(AtomicBool::new(false));
        let asking = |number| Asking {
            number,
            api,
            reply: scenario.reply,
            request: question(number, scenario.reply, &tokens[number % tokens.len()]),
            provider: provider.clone(),
            stop: stop.clone(),
            outcome: Outcome::default(),
        };
        let clients: Vec<Asking> = (0..scenario.clients).map(asking).collect();
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        let thread = thread::Builder::new().name(THREAD.into()).spawn(move || runtime.block_on(all(clients)))?;
        Ok(Self { stop, thread })
    }

    /// Lets the running turns end.
    pub async fn stop(self) -> Result<Outcome> {
        self.stop.store(true, Ordering::Relaxed);
        while !self.thread.is_finished() {
            sleep(Duration::from_millis(5)).await;
        }
        self.thread.join().map_err(|_| "the clients panicked".into())
    }
}

fn question(client: usize, reply: Reply, token: &str) -> Vec<u8> {
    let stream = reply == Reply::Stream;
    let body = format!(r#"{{"content":"@{client:05} Why is the sky blue, and not violet?","stream":{stream}}}"#);
    post("/api/v1/messages", Some(token), &body)
}

async fn all(clients: Vec<Asking>) -> Outcome {
    let running: Vec<_> = clients.into_iter().map(|client| tokio::spawn(client.run())).collect();
    let mut sum = Outcome::default();
    for client in running {
        let one = client.await.expect("a client does not panic");
        sum.turns.extend(one.turns);
        for (error, count) in one.errors {
            *sum.errors.entry(error).or_default() += count;
        }
    }
    sum
}

/// One client at work.
struct Asking {
    number: usize,
    api: SocketAddr,
    reply: Reply,
    request: Vec<u8>,
    provider: Arc<Provider>,
    stop: Arc<AtomicBool>,
    outcome: Outcome,
}

impl Asking {
    async fn run(mut self) -> Outcome {
        while !self.stop.load(Ordering::Relaxed) {
            if let Err(error) = self.connected().await {
                *self.outcome.errors.entry(error).or_default() += 1;
                // A refused client waits before it connects again.
                sleep(Duration::from_millis(20)).await;
            }
        }
        self.outcome
    }

    /// Sends requests until it is stopped or something is wrong.
    async fn connected(&mut self) -> std::result::Result<(), String> {
        let words = |error: io::Error| format!("connection: {error}");
        let person = u8::try_from(self.number % usize::from(PEOPLE)).expect("less than PEOPLE");
        let mut client = Client::connect(self.api, address_of(person)).await.map_err(words)?;
        while !self.stop.load(Ordering::Relaxed) {
            let asked = Instant::now();
            let answer = client.ask(&self.request).await.map_err(words)?;
            let ended = Instant::now();
            let deltas = check(&answer, self.reply)?;
            let provider = self.provider.took(self.number);
            self.outcome.turns.push(Turn { ended, took: ended - asked, provider, deltas });
        }
        Ok(())
    }
}

/// The number of pieces in a whole answer; what is wrong with any other.
fn check(answer: &Answer<'_>, reply: Reply) -> std::result::Result<u32, String> {
    let (expected, pieces) = match reply {
        Reply::Full => (201, position(answer.body(), br#""state":"completed""#).map(|_| 1)),
        Reply::Stream => (200, deltas(answer.body())),
    };
    match pieces {
        Some(pieces) if answer.status == expected => Ok(pieces),
        _ => Err(format!("status {}, {}", answer.status, summary(answer.body()))),
    }
}

/// Events are numbered from 1: the first says which turn it is, the last that it is done; those between are text.
fn deltas(body: &[u8]) -> Option<u32> {
    let done = body.windows(12).rposition(|window| window == b"event: done\n")?;
    position(&body[done..], br#""state":"completed""#)?;
    let before = str::from_utf8(&body[done.saturating_sub(16)..done]).ok()?;
    let number: u32 = before.rsplit_once("id: ")?.1.trim_end().parse().ok()?;
    number.checked_sub(2)
}

/// The beginning of an answer that is not whole, or its code if it has one.
fn summary(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let code = text.split_once(r#""code":""#).and_then(|(_, rest)| rest.split('"').next());
    code.map_or_else(|| text.chars().take(200).collect(), str::to_owned)
}
