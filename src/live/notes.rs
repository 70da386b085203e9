//! Registry of running turns in Redis: one hash per user, one field (a note) per turn. A field holds its own expiry,
//! because only whole keys expire in Redis 7; the key outlives its fields by a lease at the most.

use chrono::{DateTime, Utc};
use redis::Pipeline;
use serde::{Deserialize, Serialize};

use crate::{
    clock,
    model::{ConversationId, InstanceId, LEASE, MessageId, Turn, TurnId, TurnState, UserId},
    redis::RedisLink,
};

/// A running turn, as other replicas see it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RunningTurn {
    pub turn_id: TurnId,
    pub user_id: UserId,
    pub conversation_id: ConversationId,
    pub user_message_id: MessageId,
    pub assistant_message_id: MessageId,
    pub model: String,
    #[serde(default)]
    pub provider: String,
    pub state: TurnState,
    /// The process that runs it.
    pub owner: InstanceId,
    #[serde(serialize_with = "clock::serialize")]
    pub created_at: DateTime<Utc>,
}

/// A note as stored in Redis.
#[derive(Serialize, Deserialize)]
struct Note {
    #[serde(flatten)]
    turn: RunningTurn,
    #[serde(serialize_with = "clock::serialize")]
    until: DateTime<Utc>,
}

impl RunningTurn {
    pub fn new(user_id: UserId, owner: InstanceId, turn: &Turn) -> Self {
        Self {
            turn_id: turn.id,
            user_id,
            conversation_id: turn.conversation_id,
            user_message_id: turn.user_message_id,
            assistant_message_id: turn.assistant_message_id,
            model: turn.model.clone(),
            provider: turn.provider.clone(),
            state: turn.state,
            owner,
            created_at: turn.created_at,
        }
    }

    /// The turn object of the API.
    pub fn turn(&self) -> Turn {
        Turn {
            id: self.turn_id,
            conversation_id: self.conversation_id,
            user_message_id: self.user_message_id,
            assistant_message_id: self.assistant_message_id,
            model: self.model.clone(),
            state: self.state,
            finish_reason: None,
            error: None,
            provider: self.provider.clone(),
            attempts: 1,
            usage: None,
            created_at: self.created_at,
            finished_at: None,
        }
    }
}

fn key(user: UserId) -> String {
    format!("{{mcpchat}}:running:{user}")
}

/// Writes a note. The link reports failures; a missing note costs a view, not a turn.
pub(super) async fn write(redis: &RedisLink, turn: &RunningTurn) {
    let mut commands = redis::pipe();
    add(&mut commands, turn);
    redis.run(async |mut connection| commands.query_async::<()>(&mut connection).await).await.ok();
}

pub(super) fn add(commands: &mut Pipeline, turn: &RunningTurn) {
    let note = Note { turn: turn.clone(), until: clock::now() + LEASE };
    let text = serde_json::to_string(&note).expect("a note is plain JSON");
    let key = key(turn.user_id);
    commands.hset(&key, turn.turn_id.to_string(), text).ignore();
    commands.pexpire(&key, i64::try_from(LEASE.as_millis()).expect("half a minute is short")).ignore();
}

pub(super) async fn remove(redis: &RedisLink, user: UserId, turn: TurnId) {
    let command = redis::Cmd::hdel(key(user), turn.to_string());
    redis.run(async |mut connection| command.query_async::<()>(&mut connection).await).await.ok();
}

/// A user's running turns; `None` while Redis is unavailable.
pub(super) async fn of_user(redis: &RedisLink, user: UserId) -> Option<Vec<RunningTurn>> {
    let command = redis::Cmd::hvals(key(user));
    let texts =
        redis.run(async |mut connection| command.query_async::<Vec<String>>(&mut connection).await).await.ok()?;
    let now = clock::now();
    let notes = texts.iter().filter_map(|text| serde_json::from_str::<Note>(text).ok());
    let mut turns: Vec<RunningTurn> = notes.filter(|note| note.until > now).map(|note| note.turn).collect();
    turns.sort_by_key(|turn| turn.turn_id);
    Some(turns)
}
