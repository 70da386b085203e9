//! A turn's events as a Redis stream, for subscriptions on other replicas and for the process that ends the turn when
//! its owner is gone. An event's number is its id, `0-<seq>`, so that a repeated write neither duplicates nor reorders
//! it. The stream outlives its last write by some minutes; ended turns are replayed from the database.

use std::time::Duration;

use redis::{Cmd, Pipeline, RedisError, RedisResult, Value};

use crate::{
    event::{Numbered, TurnEvent},
    model::TurnId,
    redis::{RedisLink, Unavailable},
};

/// How long an idle stream is kept. Longer than a lease, so that it is there when a dead owner's turns are ended.
const KEPT: Duration = Duration::from_secs(120);
/// The most entries of one read.
const PAGE: usize = 256;
/// The id after which no event can be written: another process than the owner has ended the turn.
const SEALED: &str = "1-0";

/// An entry of a stream.
#[derive(Debug)]
pub enum StreamEntry {
    Event(Numbered),
    /// Another process than the owner has ended the turn; the database has the outcome.
    Sealed,
}

/// The key of a turn's stream. In a Redis Cluster all keys share a slot, so that one pipeline can write to many turns.
fn key(turn: TurnId) -> String {
    format!("{{mcpchat}}:turn:{turn}")
}

fn kept_ms() -> i64 {
    i64::try_from(KEPT.as_millis()).expect("minutes are short")
}

/// Adds the first entry and sets the expiry in one step, so that a crash in between leaves no stream without one.
const BEGIN: &str = "redis.call('XADD', KEYS[1], ARGV[1], ARGV[2], ARGV[3]) redis.call('PEXPIRE', KEYS[1], ARGV[4])";

pub(super) fn begin(commands: &mut Pipeline, turn: TurnId, seq: u64, name: &str, text: &str) {
    let command = commands.cmd("EVAL").arg(BEGIN).arg(1).arg(key(turn)).arg(format!("0-{seq}"));
    command.arg(name).arg(text).arg(kept_ms());
}

/// Adds an entry, whose field is the event's name.
pub(super) fn add(commands: &mut Pipeline, turn: TurnId, seq: u64, name: &str, text: &str) {
    commands.cmd("XADD").arg(key(turn)).arg(format!("0-{seq}")).arg(name).arg(text);
}

/// Removes the entries before a number.
pub(super) fn trim(commands: &mut Pipeline, turn: TurnId, before: u64) {
    commands.cmd("XTRIM").arg(key(turn)).arg("MINID").arg(format!("0-{before}")).ignore();
}

pub(super) fn keep(commands: &mut Pipeline, turn: TurnId) {
    commands.pexpire(key(turn), kept_ms()).ignore();
}

/// Whether an entry is in the stream, perhaps from before: how far a failed write came is unknown.
pub(super) fn is_there(answer: &RedisResult<Value>) -> bool {
    let is_old = |error: &RedisError| error.to_string().contains("equal or smaller");
    answer.as_ref().map_or_else(is_old, |_| true)
}

/// Seals a stream, if there is one. The owner may still try to write.
pub(super) async fn seal(redis: &RedisLink, turn: TurnId) {
    let mut commands = redis::pipe();
    commands.cmd("XADD").arg(key(turn)).arg("NOMKSTREAM").arg(SEALED).arg("sealed").arg("").ignore();
    keep(&mut commands, turn);
    // A failure is ignored: readers look into the database too.
    redis.run(async |mut connection| commands.query_async::<()>(&mut connection).await).await.ok();
}

/// Reads the entries after a number.
pub(super) async fn read(redis: &RedisLink, turn: TurnId, after: u64) -> Result<Vec<StreamEntry>, Unavailable> {
    let mut command = Cmd::new();
    command.arg("XRANGE").arg(key(turn)).arg(format!("0-{}", after.saturating_add(1))).arg("+");
    command.arg("COUNT").arg(PAGE);
    let entries: Vec<(String, Vec<String>)> =
        redis.run(async |mut connection| command.query_async(&mut connection).await).await?;
    Ok(entries.into_iter().filter_map(|(id, fields)| read_stream(&id, fields)).collect())
}

/// Parses an entry; `None` if it is not ours.
fn read_stream(id: &str, fields: Vec<String>) -> Option<StreamEntry> {
    if id == SEALED {
        return Some(StreamEntry::Sealed);
    }
    let seq = id.strip_prefix("0-")?.parse().ok()?;
    let [name, text] = <[String; 2]>::try_from(fields).ok()?;
    let event = TurnEvent::from_named(&name, text)?;
    Some(StreamEntry::Event(Numbered { seq, event }))
}
