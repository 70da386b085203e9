//! A turn's log in Redis, for those who follow it on another replica, and for whoever has to end the turn when its owner is
//! gone: one stream per turn. An event's number is its id, `0-<seq>`, so that none can be there twice or in another order,
//! whatever was sent again. The stream outlives its last write by some minutes, and then nobody needs it: what has ended is
//! told from the database.

use std::time::Duration;

use redis::{Cmd, Pipeline, RedisError, RedisResult, Value};

use crate::{
    event::{Numbered, TurnEvent},
    model::TurnId,
    redis::{RedisLink, Unavailable},
};

/// How long a stream is kept that nobody writes to. Longer than a lease, so that it is there when a dead owner's turns are ended.
const KEPT: Duration = Duration::from_secs(120);
/// How many entries one reading gives at the most.
const PAGE: usize = 256;
/// The id after which no event can be written: the turn was ended by somebody else than its owner.
const SEALED: &str = "1-0";

/// What a stream says next.
#[derive(Debug)]
pub enum Heard {
    Event(Numbered),
    /// The turn was ended by somebody else than its owner; the database tells how.
    Sealed,
}

/// In a Redis Cluster all of ours is in one slot, so that one pipeline can write to many turns.
fn key(turn: TurnId) -> String {
    format!("{{mcpchat}}:turn:{turn}")
}

fn kept_ms() -> i64 {
    i64::try_from(KEPT.as_millis()).expect("minutes are short")
}

/// The first entry, and how long there will be a stream, in one step: whoever dies in between leaves none that stays for ever.
const BEGIN: &str = "redis.call('XADD', KEYS[1], ARGV[1], ARGV[2], ARGV[3]) redis.call('PEXPIRE', KEYS[1], ARGV[4])";

pub(super) fn begin(commands: &mut Pipeline, turn: TurnId, seq: u64, name: &str, text: &str) {
    let command = commands.cmd("EVAL").arg(BEGIN).arg(1).arg(key(turn)).arg(format!("0-{seq}"));
    command.arg(name).arg(text).arg(kept_ms());
}

/// One entry: its field is the event's name.
pub(super) fn add(commands: &mut Pipeline, turn: TurnId, seq: u64, name: &str, text: &str) {
    commands.cmd("XADD").arg(key(turn)).arg(format!("0-{seq}")).arg(name).arg(text);
}

/// Forgets the entries before a number.
pub(super) fn trim(commands: &mut Pipeline, turn: TurnId, before: u64) {
    commands.cmd("XTRIM").arg(key(turn)).arg("MINID").arg(format!("0-{before}")).ignore();
}

pub(super) fn keep(commands: &mut Pipeline, turn: TurnId) {
    commands.pexpire(key(turn), kept_ms()).ignore();
}

/// Whether an entry is there now. It may have been before: of a write that failed nobody knows how far it came.
pub(super) fn is_there(answer: &RedisResult<Value>) -> bool {
    let is_old = |error: &RedisError| error.to_string().contains("equal or smaller");
    answer.as_ref().map_or_else(is_old, |_| true)
}

/// Ends a stream for good, if there is one. The owner may still believe that it writes.
pub(super) async fn seal(redis: &RedisLink, turn: TurnId) {
    let mut commands = redis::pipe();
    commands.cmd("XADD").arg(key(turn)).arg("NOMKSTREAM").arg(SEALED).arg("sealed").arg("").ignore();
    keep(&mut commands, turn);
    // Whoever reads on looks into the database too.
    redis.run(async |mut connection| commands.query_async::<()>(&mut connection).await).await.ok();
}

/// What follows after a number.
pub(super) async fn read(redis: &RedisLink, turn: TurnId, after: u64) -> Result<Vec<Heard>, Unavailable> {
    let mut command = Cmd::new();
    command.arg("XRANGE").arg(key(turn)).arg(format!("0-{}", after.saturating_add(1))).arg("+");
    command.arg("COUNT").arg(PAGE);
    let entries: Vec<(String, Vec<String>)> =
        redis.run(async |mut connection| command.query_async(&mut connection).await).await?;
    Ok(entries.into_iter().filter_map(|(id, fields)| heard(&id, fields)).collect())
}

/// `None`: not of ours.
fn heard(id: &str, fields: Vec<String>) -> Option<Heard> {
    if id == SEALED {
        return Some(Heard::Sealed);
    }
    let seq = id.strip_prefix("0-")?.parse().ok()?;
    let [name, text] = <[String; 2]>::try_from(fields).ok()?;
    let event = TurnEvent::from_named(&name, text)?;
    Some(Heard::Event(Numbered { seq, event }))
}
