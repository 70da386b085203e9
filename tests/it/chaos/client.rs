//! A client during the storm: sends over JSON, SSE or a WebSocket, is cut off, goes on at another
//! replica, cancels, repeats, and remembers every message and reply.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use rand::{RngExt, rngs::StdRng};
use reqwest::Method;
use tokio::time::sleep;

use super::{
    Storm,
    ledger::{End, Taken},
    line::{Line, Said, Way},
    script::Script,
};
use crate::harness::{Person, Value, json};

/// How long a client does not give up once the storm is over: a lease, a sweep, and as much again.
const PATIENCE: Duration = Duration::from_secs(90);
/// How long it does not give up at all.
const MOST_PATIENCE: Duration = Duration::from_secs(900);
/// Exchanges in one conversation.
const TALKATIVE: u32 = 6;

/// How a client behaves. One in so many times, or never.
#[derive(Clone, Copy)]
pub struct Habits {
    pub ways: &'static [Way],
    pub cuts: Option<u32>,
    pub cancels: Option<u32>,
    pub repeats: Option<u32>,
}

impl Habits {
    pub const WILD: Self = Self { ways: &Way::ALL, cuts: Some(3), cancels: Some(12), repeats: Some(6) };
}

pub struct Client {
    name: String,
    random: StdRng,
    habits: Habits,
    person: Person,
    storm: Arc<Storm>,
    conversation: Option<String>,
    exchanges: u32,
}

/// What a sender has learned about one turn.
struct Story {
    tag: String,
    taken: Option<Taken>,
    seen: u64,
    text: String,
}

/// How one try to send ended.
enum Sent {
    Told(Line),
    Whole(Value),
    /// The turn ran, and failed.
    Failed(Value),
    /// Nothing was done, and the reason is permanent.
    Refused,
    /// Nothing was done, or it is unknown.
    Again,
}

impl Client {
    pub fn new(name: String, random: StdRng, habits: Habits, person: Person, storm: Arc<Storm>) -> Self {
        Self { name, random, habits, person, storm, conversation: None, exchanges: 0 }
    }

    /// Says one thing after the other until the storm is over.
    pub async fn talk(mut self) {
        while !self.storm.ledger.is_closed() {
            self.exchanges += 1;
            if self.exchanges.is_multiple_of(TALKATIVE) {
                self.conversation = None;
            }
            let script = Script::random(format!("{}-{}", self.name, self.exchanges), &mut self.random);
            self.exchange(&script).await;
        }
    }

    /// Sends a message and follows what comes of it to the end.
    pub async fn exchange(&mut self, script: &Script) {
        self.storm.ledger.open(&script.tag);
        let (key, since) = (uuid::Uuid::new_v4().to_string(), Instant::now());
        let body = match &self.conversation {
            Some(conversation) => json!({"content": script.message(), "conversation_id": conversation}),
            None => json!({"content": script.message()}),
        };
        let mut story = Story { tag: script.tag.clone(), taken: None, seen: 0, text: String::new() };
        while self.is_patient(since) {
            let way = self.habits.ways[self.random.random_range(0..self.habits.ways.len())];
            match self.send(way, &body, &key).await {
                Sent::Told(line) => match self.follow(line, &mut story, since).await {
                    Followed::ToItsEnd => return self.repeat(&body, &key, &story).await,
                    Followed::NotTaken => {}
                    Followed::Refused => return self.give_up(script),
                },
                Sent::Whole(answer) => {
                    self.storm.ledger.count("replies over JSON");
                    self.take(&mut story, taken_of(&answer["turn"], "id"));
                    let message = &answer["assistant_message"];
                    story.text = text(&message["content"]);
                    self.end(&story, &answer["turn"]["state"], true);
                    return self.repeat(&body, &key, &story).await;
                }
                Sent::Failed(problem) => {
                    let turn = text(&problem["turn_id"]);
                    match self.look(&turn, since).await {
                        Some(turn) => {
                            self.take(&mut story, taken_of(&turn, "id"));
                            self.end(&story, &turn["state"], false);
                        }
                        None => self.complain("an accepted turn is there", &story.tag, format!("{problem}")),
                    }
                    return;
                }
                Sent::Refused => return self.give_up(script),
                Sent::Again => {}
            }
            self.pause().await;
        }
        self.complain("the service comes back", &script.tag, format!("no answer within {PATIENCE:?} of peace"));
    }

    fn give_up(&mut self, script: &Script) {
        self.storm.ledger.count("messages refused for good");
        self.storm.ledger.refused(&script.tag);
        self.conversation = None;
    }

    async fn send(&mut self, way: Way, body: &Value, key: &str) -> Sent {
        let Some(person) = self.somewhere() else { return Sent::Again };
        if way == Way::Json {
            let request = person.request(Method::POST, "/api/v1/messages").header("idempotency-key", key).json(body);
            return match request.timeout(PATIENCE).send().await {
                Ok(response) => self.answered(response).await,
                Err(_) => Sent::Again,
            };
        }
        match Line::send(way, &person, body, key).await {
            Ok(line) => Sent::Told(line),
            Err(Some(response)) => self.answered(response).await,
            Err(None) => Sent::Again,
        }
    }

    async fn answered(&self, response: reqwest::Response) -> Sent {
        let status = response.status().as_u16();
        let Ok(answer) = response.json::<Value>().await else { return Sent::Again };
        match status {
            200 | 201 => Sent::Whole(answer),
            _ if answer["turn_id"].is_string() => Sent::Failed(answer),
            _ => self.refusal(&answer),
        }
    }

    fn refusal(&self, problem: &Value) -> Sent {
        match (problem["status"].as_u64(), problem["code"].as_str()) {
            (Some(503 | 504 | 429), _) => Sent::Again,
            (Some(409), Some("turn_in_progress")) => Sent::Refused,
            _ => {
                self.complain("a dependency that is down is a 503", &self.name, problem.to_string());
                Sent::Refused
            }
        }
    }
}

enum Followed {
    ToItsEnd,
    /// The connection broke before the service said that it has the message.
    NotTaken,
    Refused,
}

impl Client {
    async fn follow(&mut self, mut line: Line, story: &mut Story, since: Instant) -> Followed {
        // How many more events until something happens to the connection, or to the turn.
        let (mut cut, mut cancel) = (self.some_events(), self.perhaps_cancel());
        loop {
            match line.next().await {
                Said::Event(event) => {
                    if self.heed(story, &event.name, event.id, &event.data) {
                        return Followed::ToItsEnd;
                    }
                    cancel = cancel.saturating_sub(1);
                    if cancel == 0 {
                        self.cancel(story).await;
                        cancel = u32::MAX;
                    }
                    cut = cut.saturating_sub(1);
                    if cut > 0 {
                        continue;
                    }
                    self.storm.ledger.count("connections cut by a client");
                    line.cut(&mut self.random);
                }
                Said::Refusal(problem) if story.taken.is_none() => {
                    return match self.refusal(&problem) {
                        Sent::Refused => Followed::Refused,
                        _ => Followed::NotTaken,
                    };
                }
                Said::Refusal(_) | Said::Nothing => {}
            }
            let Some(taken) = story.taken.clone() else { return Followed::NotTaken };
            cut = self.some_events();
            let Some(resumed) = self.resume(&taken.turn, story.seen, since).await else {
                self.complain(
                    "every turn's end is told",
                    &story.tag,
                    format!("turn {} after {}", taken.turn, story.seen),
                );
                return Followed::ToItsEnd;
            };
            line = resumed;
        }
    }

    /// Takes an event in; says whether it was the last.
    fn heed(&mut self, story: &mut Story, name: &str, seq: u64, data: &Value) -> bool {
        if seq != story.seen + 1 {
            let gap = format!("{name} {seq} after {}", story.seen);
            self.complain("sequences have no gaps", &story.tag, gap);
        }
        story.seen = seq;
        match name {
            "turn" => self.take(story, taken_of(data, "turn_id")),
            "delta" => story.text += data["text"].as_str().unwrap(),
            "snapshot" => {
                self.storm.ledger.count("snapshots");
                story.text = text(&data["text"]);
            }
            "done" => {
                if story.text != data["message"]["content"] {
                    let both = format!("{:?} told, {} stored", story.text, data["message"]["content"]);
                    self.complain("the text put together is the reply", &story.tag, both);
                }
                self.end(story, &data["turn"]["state"], true);
                return true;
            }
            "error" => {
                self.end(story, &json!(if data["code"] == "interrupted" { "interrupted" } else { "failed" }), true);
                return true;
            }
            other => self.complain("events are known", &story.tag, other.to_owned()),
        }
        false
    }

    fn take(&mut self, story: &mut Story, taken: Taken) {
        self.conversation = Some(taken.conversation.clone());
        self.storm.ledger.taken(&story.tag, taken.clone());
        story.taken = Some(taken);
    }

    fn end(&self, story: &Story, state: &Value, has_text: bool) {
        self.storm.ledger.count("ends told");
        let text = has_text.then(|| story.text.clone());
        self.storm.ledger.ended(&story.tag, End { state: state.as_str().unwrap().to_owned(), text });
    }

    async fn resume(&mut self, turn: &str, after: u64, since: Instant) -> Option<Line> {
        self.storm.ledger.count("resumes");
        while self.is_patient(since) {
            self.pause().await;
            let Some(person) = self.somewhere() else { continue };
            match Line::resume(Way::streaming(&mut self.random), &person, turn, after).await {
                Ok(line) => return Some(line),
                Err(Some(response)) if response.status() != 503 => {
                    let answer = format!("{} {}", response.status(), response.text().await.unwrap_or_default());
                    self.complain("an accepted turn is there", &self.name, answer);
                    return None;
                }
                Err(_) => {}
            }
        }
        None
    }

    async fn cancel(&mut self, story: &Story) {
        let (Some(taken), Some(person)) = (&story.taken, self.somewhere()) else { return };
        self.storm.ledger.count("cancels");
        let request = person.request(Method::DELETE, &format!("/api/v1/turns/{}", taken.turn));
        if let Ok(answer) = request.timeout(Duration::from_secs(10)).send().await
            && !matches!(answer.status().as_u16(), 202 | 503)
        {
            self.complain("cancelling is idempotent", &story.tag, answer.status().to_string());
        }
    }

    /// Sends the same message again with the same key, which gives the same turn.
    async fn repeat(&mut self, body: &Value, key: &str, story: &Story) {
        if !self.happens(self.habits.repeats) {
            return;
        }
        let Some(person) = self.somewhere() else { return };
        self.storm.ledger.count("repeats with the same key");
        let request = person.request(Method::POST, "/api/v1/messages").header("idempotency-key", key).json(body);
        let Ok(response) = request.timeout(Duration::from_secs(10)).send().await else { return };
        let (status, answer) = (response.status().as_u16(), response.json::<Value>().await.unwrap_or_default());
        let turn = if status == 201 { &answer["turn"]["id"] } else { &answer["turn_id"] };
        let first = story.taken.as_ref().map(|taken| taken.turn.as_str());
        if turn.is_string() && turn.as_str() != first || turn.is_null() && status != 503 {
            self.complain("one message, one turn", &story.tag, format!("{first:?}, and again: {status} {answer}"));
        }
    }

    /// The turn as it stands, once it has ended.
    async fn look(&mut self, turn: &str, since: Instant) -> Option<Value> {
        while self.is_patient(since) {
            self.pause().await;
            let Some(person) = self.somewhere() else { continue };
            let request = person.request(Method::GET, &format!("/api/v1/turns/{turn}"));
            if let Ok(answer) = request.timeout(Duration::from_secs(10)).send().await {
                match (answer.status().as_u16(), answer.json::<Value>().await) {
                    (200, Ok(turn)) if turn["state"] != "running" => return Some(turn),
                    (404, _) => return None,
                    _ => {}
                }
            }
        }
        None
    }

    /// The same person at some replica.
    fn somewhere(&mut self) -> Option<Person> {
        self.storm.cluster.any(&mut self.random).map(|address| self.person.at_address(&address))
    }

    async fn pause(&mut self) {
        sleep(Duration::from_millis(self.random.random_range(20..200))).await;
    }

    fn is_patient(&self, since: Instant) -> bool {
        let peace = self.storm.ledger.peace_since(since);
        peace.is_none_or(|peace| peace.elapsed() < PATIENCE) && since.elapsed() < MOST_PATIENCE
    }

    fn some_events(&mut self) -> u32 {
        if self.happens(self.habits.cuts) { self.random.random_range(1..60) } else { u32::MAX }
    }

    fn perhaps_cancel(&mut self) -> u32 {
        if self.happens(self.habits.cancels) { self.random.random_range(1..30) } else { u32::MAX }
    }

    fn happens(&mut self, once_in: Option<u32>) -> bool {
        once_in.is_some_and(|times| self.random.random_ratio(1, times))
    }

    fn complain(&self, promise: &str, who: &str, detail: String) {
        self.storm.ledger.violation(promise, format!("{who}: {detail}"));
    }
}

/// From a turn object, or the data of a `turn` event, which have different names for its id.
fn taken_of(turn: &Value, id: &str) -> Taken {
    Taken {
        turn: text(&turn[id]),
        conversation: text(&turn["conversation_id"]),
        user_message: text(&turn["user_message_id"]),
        assistant_message: text(&turn["assistant_message_id"]),
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}
