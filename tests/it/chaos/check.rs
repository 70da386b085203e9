//! The checker: reads the database, Redis and the provider's log after the storm, and compares them with one another and with
//! what the clients were told.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    fmt::Write,
    time::{Duration, Instant},
};

use sqlx::types::Json;
use uuid::Uuid;

use super::{Storm, ledger::Record, script::Script};
use crate::harness::Value;

/// A lease of 30 s and 5 s for the sweep; the rest is for a slow machine.
const LEASE_AND_SWEEP: Duration = Duration::from_secs(45);
/// When what was reserved for turns that never began is free again, too.
const ALL_IS_FREE: Duration = Duration::from_secs(80);

/// Each promise, in the words the violations are filed under.
const PROMISES: [&str; 21] = [
    "the service comes back",
    "a dependency that is down is a 503",
    "what is said makes sense",
    "an accepted turn is there",
    "every turn's end is told",
    "one message, one turn",
    "sequences have no gaps",
    "the text put together is the reply",
    "events are known",
    "cancelling is idempotent",
    "a drain ends well",
    "no turn is left running",
    "an acknowledged message exists once",
    "a refused message leaves nothing",
    "what a client was told is stored",
    "a stored reply is what the provider said",
    "one provider call per attempt, after the message is stored",
    "one settlement per attempt",
    "nothing is left in the counters",
    "each administrative act has its audit row",
    "the audit chain verifies",
];

#[derive(sqlx::FromRow)]
struct Turn {
    id: Uuid,
    user_id: Uuid,
    conversation_id: Uuid,
    user_message_id: Uuid,
    assistant_message_id: Uuid,
    state: String,
    error_code: Option<String>,
    is_finished: bool,
}

#[derive(sqlx::FromRow)]
struct Message {
    id: Uuid,
    turn_id: Uuid,
    role: String,
    content: Json<Value>,
    state: String,
}

#[derive(sqlx::FromRow)]
struct Attempt {
    turn_id: Uuid,
    input_tokens: Option<i64>,
    output_tokens: Option<i64>,
    is_finished: bool,
}

impl Message {
    fn text(&self) -> String {
        self.content.0.as_array().unwrap().iter().map(|block| block["text"].as_str().unwrap()).collect()
    }
}

/// Everything, as it is stored.
struct Stored {
    turns: HashMap<Uuid, Turn>,
    messages: Vec<Message>,
    attempts: Vec<Attempt>,
    /// The user's messages by the tag they carry.
    asked: HashMap<String, Vec<usize>>,
    /// The reply of each turn.
    replies: HashMap<Uuid, usize>,
}

impl Stored {
    async fn read(storm: &Storm) -> Self {
        let database = &storm.cluster.world.database;
        let turns: Vec<Turn> = database
            .rows(
                "select id, user_id, conversation_id, user_message_id, assistant_message_id, state, error_code, \
                 finished_at is not null as is_finished from turns",
            )
            .await;
        let messages: Vec<Message> = database.rows("select id, turn_id, role, content, state from messages").await;
        let attempts = database
            .rows("select turn_id, input_tokens, output_tokens, finished_at is not null as is_finished from attempts")
            .await;
        let (mut asked, mut replies) = (HashMap::<String, Vec<usize>>::new(), HashMap::new());
        for (index, message) in messages.iter().enumerate() {
            if message.role == "user" {
                let script = Script::read(&message.text()).expect("only the clients have written");
                asked.entry(script.tag).or_default().push(index);
            } else if replies.insert(message.turn_id, index).is_some() {
                storm.ledger.violation("one message, one turn", format!("two replies in turn {}", message.turn_id));
            }
        }
        Self { turns: turns.into_iter().map(|turn| (turn.id, turn)).collect(), messages, attempts, asked, replies }
    }

    /// The turn that a message with this tag was stored with.
    fn turn_of(&self, tag: &str) -> Option<&Turn> {
        let &index = self.asked.get(tag)?.first()?;
        self.turns.get(&self.messages[index].turn_id)
    }

    fn reply(&self, turn: &Turn) -> Option<&Message> {
        self.replies.get(&turn.id).map(|index| &self.messages[*index])
    }
}

/// Finds all violations and writes them into the ledger.
pub async fn all(storm: &Storm) {
    settle_down(storm).await;
    let stored = Stored::read(storm).await;
    let records = storm.ledger.records().clone();
    for (tag, record) in &records {
        check_message(storm, &stored, tag, record);
    }
    for turn in stored.turns.values() {
        check_turn(storm, &stored, turn);
    }
    check_calls(storm, &stored);
    check_settlements(storm, &stored).await;
    check_leftovers(storm).await;
    let verified = storm.cluster.world.cli(["audit", "verify"]).run().await;
    if verified.code != 0 {
        storm.ledger.violation("the audit chain verifies", format!("{verified:?}"));
    }
}

/// Waits until no turn runs and no limit is held, as long as that may take.
async fn settle_down(storm: &Storm) {
    let (database, since) = (&storm.cluster.world.database, Instant::now());
    loop {
        let running = database.number("select count(*) from turns where state = 'running'").await;
        if running > 0 && since.elapsed() > LEASE_AND_SWEEP {
            let running = format!("{running} after {LEASE_AND_SWEEP:?}");
            return storm.ledger.violation("no turn is left running", running);
        }
        let is_free = running == 0 && held(storm).await.is_empty();
        if is_free || since.elapsed() > ALL_IS_FREE {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

fn check_message(storm: &Storm, stored: &Stored, tag: &str, record: &Record) {
    let copies = stored.asked.get(tag).map_or(0, Vec::len);
    let wrong = |promise: &str, detail: String| storm.ledger.violation(promise, format!("{tag}: {detail}"));
    if record.refused && record.taken.is_none() && copies > 0 {
        wrong("a refused message leaves nothing", format!("{copies} are stored"));
    }
    if copies > 1 {
        wrong("an acknowledged message exists once", format!("{copies} are stored"));
    }
    let Some(taken) = &record.taken else { return };
    let Some(turn) = stored.turn_of(tag) else {
        return wrong("an acknowledged message exists once", format!("it is gone: {taken:?}"));
    };
    let ids = [turn.id, turn.conversation_id, turn.user_message_id, turn.assistant_message_id];
    let told = [&taken.turn, &taken.conversation, &taken.user_message, &taken.assistant_message];
    if ids.iter().map(Uuid::to_string).ne(told.into_iter().cloned()) {
        wrong("an acknowledged message exists once", format!("told {taken:?}, stored {ids:?}"));
    }
    let Some(end) = &record.end else { return };
    if end.state != turn.state {
        wrong(
            "what a client was told is stored",
            format!("turn {}: {} told, {} stored", turn.id, end.state, turn.state),
        );
    }
    let reply = stored.reply(turn).map(Message::text).unwrap_or_default();
    if let Some(told) = end.text.as_ref().filter(|told| **told != reply) {
        let differ = told.bytes().zip(reply.bytes()).take_while(|(told, stored)| told == stored).count();
        let lengths = format!("{} bytes told, {} stored, alike up to {differ}", told.len(), reply.len());
        wrong("the text put together is the reply", format!("turn {} ({}): {lengths}", turn.id, turn.state));
    }
}

fn check_turn(storm: &Storm, stored: &Stored, turn: &Turn) {
    let wrong = |promise: &str, detail: String| storm.ledger.violation(promise, format!("turn {}: {detail}", turn.id));
    let question = stored.messages.iter().find(|message| message.id == turn.user_message_id);
    let Some(script) = question.and_then(|message| Script::read(&message.text())) else {
        return wrong("an acknowledged message exists once", "it has no question".into());
    };
    if turn.is_finished == (turn.state == "running") {
        wrong("no turn is left running", format!("finished: {}, state {}", turn.is_finished, turn.state));
    }
    let whole = script.whole_reply();
    let reply = stored.reply(turn);
    let said = reply.map(Message::text).unwrap_or_default();
    let fits = match (turn.state.as_str(), reply.map(|reply| reply.state.as_str())) {
        ("completed", Some("complete")) => said == whole && script.can_complete(),
        ("failed" | "cancelled" | "interrupted", Some("partial") | None) => whole.starts_with(&said),
        _ => false,
    };
    if !fits {
        let (state, code) = (&turn.state, turn.error_code.as_deref().unwrap_or("no error"));
        let sizes = format!("{} of {} bytes, {:?}", said.len(), whole.len(), reply.map(|reply| &reply.state));
        wrong("a stored reply is what the provider said", format!("{state} ({code}), {sizes}, {}", script.message()));
    }
    if reply.is_some_and(|reply| reply.id != turn.assistant_message_id) {
        wrong("what a client was told is stored", "the reply has another id".into());
    }
}

/// The provider's own log against ours.
fn check_calls(storm: &Storm, stored: &Stored) {
    let mut calls = BTreeMap::<String, usize>::new();
    for call in storm.provider.calls() {
        *calls.entry(Script::read(&call.question()).unwrap().tag).or_default() += 1;
    }
    for (tag, calls) in calls {
        let turns: HashSet<Uuid> = stored
            .asked
            .get(&tag)
            .map_or(HashSet::new(), |indices| indices.iter().map(|index| stored.messages[*index].turn_id).collect());
        let attempts = stored.attempts.iter().filter(|attempt| turns.contains(&attempt.turn_id)).count();
        if calls > attempts {
            let detail = format!("{tag}: {calls} calls, {attempts} attempts");
            storm.ledger.violation("one provider call per attempt, after the message is stored", detail);
        }
    }
}

/// Each attempt is settled, and the limits say that the sum of all is used. Each counter backend has its own counters,
/// which are restored when they are read.
async fn check_settlements(storm: &Storm, stored: &Stored) {
    let mut used = BTreeMap::<String, i64>::new();
    for attempt in &stored.attempts {
        if !attempt.is_finished {
            storm.ledger.violation("one settlement per attempt", format!("open: turn {}", attempt.turn_id));
        }
        let user = stored.turns[&attempt.turn_id].user_id;
        let tokens = attempt.input_tokens.unwrap_or(0) + attempt.output_tokens.unwrap_or(0);
        *used.entry(format!("user:{user}")).or_default() += tokens;
    }
    for (user, used) in used {
        let id = user.trim_start_matches("user:");
        let shown = storm.cluster.world.cli(["ratelimit", "show", id, "--json"]).run().await.json();
        let rows = shown.as_array().expect("a row for each rule");
        let row = rows.iter().find(|row| row["rule"] == "tokens-a-day").expect("the storm's rule");
        let charged = row["used"].as_i64().expect("a number");
        if charged != used {
            let suspects = stored.attempts.iter().filter(|attempt| {
                let tokens = attempt.input_tokens.unwrap_or(0) + attempt.output_tokens.unwrap_or(0);
                tokens == (used - charged).abs() && format!("user:{}", stored.turns[&attempt.turn_id].user_id) == user
            });
            let suspects: Vec<String> = suspects.map(|attempt| attempt.turn_id.to_string()).collect();
            let detail = format!("{user}: {used} used, {charged} charged; so much was used by {suspects:?}");
            storm.ledger.violation("one settlement per attempt", detail);
        }
    }
}

async fn check_leftovers(storm: &Storm) {
    for counter in held(storm).await {
        let detail = format!("{} {} = {}", counter.subject, counter.field, counter.value);
        storm.ledger.violation("nothing is left in the counters", detail);
    }
    let Some(redis) = storm.cluster.world.any_redis() else { return };
    for key in redis.keys().await.iter().filter(|key| !key.contains(":limits:")) {
        let left: i64 = redis.ask(&["PTTL", key]).await;
        if left == -1 {
            storm.ledger.violation("nothing is left in the counters", format!("{key} never expires"));
        }
    }
}

#[derive(Debug, sqlx::FromRow)]
struct Counter {
    subject: String,
    field: String,
    value: i64,
    expires_us: i64,
}

/// Leases and reservations, which belong to turns that run.
async fn held(storm: &Storm) -> Vec<Counter> {
    let is_held = |counter: &Counter| counter.field.starts_with("lease:") || counter.field.starts_with("reserved:");
    counters(storm).await.into_iter().filter(is_held).collect()
}

/// All counters that still mean something, of both counter backends.
async fn counters(storm: &Storm) -> Vec<Counter> {
    let world = &storm.cluster.world;
    let now_us = now_us();
    let all: Vec<Counter> = world.database.rows("select subject, field, value, expires_us from counters").await;
    let mut counters: Vec<Counter> = all.into_iter().filter(|counter| counter.expires_us > now_us).collect();
    let Some(redis) = world.any_redis() else { return counters };
    for key in redis.keys().await {
        let Some(subject) = key.strip_prefix("{mcpchat}:limits:") else { continue };
        let fields: HashMap<String, String> = redis.ask(&["HGETALL", &key]).await;
        for (field, text) in fields {
            let (value, until) = text.split_once('/').expect("value/expiry");
            let (value, expires_us) = (value.parse().unwrap(), until.parse().unwrap());
            if expires_us > now_us {
                counters.push(Counter { subject: subject.to_owned(), field, value, expires_us });
            }
        }
    }
    counters
}

#[allow(clippy::disallowed_methods, reason = "the service's clock is not for tests")]
fn now_us() -> i64 {
    chrono::Utc::now().timestamp_micros()
}

/// What was done, and what was found.
pub async fn report(storm: &Storm) -> String {
    let mut report = String::new();
    let mut line = |what: &str, count: u64| writeln!(report, "{count:>8}  {what}").unwrap();
    let stored = Stored::read(storm).await;
    line("turns", stored.turns.len() as u64);
    for state in ["completed", "failed", "cancelled", "interrupted", "running"] {
        let count = stored.turns.values().filter(|turn| turn.state == state).count();
        line(&format!("turns {state}"), count as u64);
    }
    line("provider calls", storm.provider.calls().len() as u64);
    for (what, count) in storm.ledger.counts() {
        line(what, count);
    }
    let violations = storm.ledger.violations();
    for promise in PROMISES {
        let broken = violations.iter().filter(|(broken, _)| broken == promise).count();
        line(&format!("violations of: {promise}"), broken as u64);
    }
    for (promise, detail) in &violations {
        writeln!(report, "VIOLATION  {promise}: {detail}").unwrap();
    }
    report
}

/// All that the replicas have said about the turns that something is wrong with.
pub async fn evidence(storm: &Storm) -> String {
    let mut evidence = String::new();
    for (promise, detail) in storm.ledger.violations() {
        writeln!(evidence, "VIOLATION  {promise}: {detail}").unwrap();
        let word = detail.split_once("turn ").map_or("", |(_, rest)| rest);
        if let Some(turn) = word.get(..36).filter(|word| Uuid::parse_str(word).is_ok()) {
            storm.cluster.said_about(turn).await.iter().for_each(|line| writeln!(evidence, "    {line}").unwrap());
        }
    }
    evidence
}
