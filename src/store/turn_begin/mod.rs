//! Turn beginnings: conversation, turn, user message and first attempt of each are stored together or not at all, and
//! the history comes back. Turns that begin at the same moment share one write (`write_batcher`): on PostgreSQL one
//! statement for all of them, on SQLite one transaction.

mod postgres;
mod sqlite;

use std::{collections::HashMap, sync::Arc};

use chrono::{DateTime, Utc};
use sqlx::{FromRow, types::Json};

use super::{Error, Pool, Store, Writer, on, write_batcher::LockWait};
use crate::model::{
    AttemptId, Block, Conversation, ConversationId, CountedInput, IdempotencyKey, InstanceId, KeyId, MessageId, TurnId,
    UserId,
};

/// How many exchanges of the history are read at the most; what does not fit the model is cut afterwards.
const HISTORY_LIMIT: i64 = 500;

/// The fence of a turn's first owner.
pub const FIRST_FENCE: i64 = 1;

/// A turn to begin.
pub struct NewTurn {
    pub id: TurnId,
    pub user_id: UserId,
    pub conversation: TargetConversation,
    pub user_message_id: MessageId,
    pub assistant_message_id: MessageId,
    pub content: String,
    pub attempt_id: AttemptId,
    pub request: Option<Request>,
    pub counted: Counted,
    pub owner: InstanceId,
    pub lease_until: DateTime<Utc>,
    pub now: DateTime<Utc>,
    /// The same for every turn of a process.
    pub known: Arc<KnownModels>,
}

/// The attributes that limits count a turn by, beside its user, and its reservation.
#[derive(Default)]
pub struct Counted {
    pub key: Option<KeyId>,
    /// The limit subject, where addresses are counted.
    pub address: Option<String>,
    pub reserved_tokens: i64,
    /// Nano-dollars.
    pub reserved_cost: i64,
}

/// The request that starts a turn, to recognize its repetition.
pub struct Request {
    pub key: IdempotencyKey,
    pub hash: [u8; 32],
}

/// The models that may be used and, at the same indexes, their providers.
pub struct KnownModels {
    pub models: Vec<String>,
    pub providers: Vec<String>,
}

/// The conversation a turn belongs to.
pub enum TargetConversation {
    New(NewConversation),
    /// `model`: another one than the conversation's, for this turn.
    In {
        id: ConversationId,
        model: Option<String>,
    },
}

pub struct NewConversation {
    pub id: ConversationId,
    pub title: Option<String>,
    pub model: String,
    pub system_prompt: Option<String>,
}

impl TargetConversation {
    fn id(&self) -> ConversationId {
        match self {
            Self::New(made) => made.id,
            Self::In { id, .. } => *id,
        }
    }

    /// The requested model.
    fn model(&self) -> Option<&str> {
        match self {
            Self::New(made) => Some(&made.model),
            Self::In { model, .. } => model.as_deref(),
        }
    }

    fn made(&self) -> Option<&NewConversation> {
        match self {
            Self::New(made) => Some(made),
            Self::In { .. } => None,
        }
    }
}

/// The result of beginning a turn.
pub enum Begun {
    Started(Box<Exchange>),
    /// The user has no such conversation.
    NotFound,
    /// The conversation's own model is not among those that may be used.
    UnknownModel(String),
    /// A turn runs in this conversation.
    Busy,
    /// A turn has been started under this idempotency key.
    Known,
}

/// A started turn, with its conversation and history.
pub struct Exchange {
    pub conversation: Conversation,
    pub model: String,
    /// The user message's position in the conversation; the reply's is the next.
    pub position: i64,
    /// Earlier messages and their replies, oldest first.
    pub history: Vec<(String, String)>,
    /// The last calls of the same model here, the newest first.
    pub counted: Vec<CountedInput>,
}

#[derive(FromRow)]
struct StartedRow {
    turn_id: TurnId,
    #[sqlx(flatten)]
    conversation: Conversation,
    turn_model: String,
    position: i64,
    history: Json<Vec<(Vec<Block>, Vec<Block>)>>,
    counted: Json<Vec<CountedInput>>,
}

impl From<StartedRow> for Exchange {
    fn from(row: StartedRow) -> Self {
        let history = row.history.0.iter().map(|(question, answer)| (Block::plain(question), Block::plain(answer)));
        Self {
            conversation: row.conversation,
            model: row.turn_model,
            position: row.position,
            history: history.collect(),
            counted: row.counted.0,
        }
    }
}

/// Begins a batch of turns; each result at its turn's index, `None` where it could not begin.
pub(super) async fn begin_batch(
    pool: Pool,
    writer: Writer,
    batch: Vec<Arc<NewTurn>>,
    wait: LockWait,
) -> Result<Vec<Option<Exchange>>, Error> {
    let rows = match &pool {
        Pool::Postgres(pool) => postgres::begin(pool, &batch, wait).await?,
        Pool::Sqlite(pool) => sqlite::begin(writer.begin(pool).await?, &batch).await?,
    };
    let mut started: HashMap<TurnId, StartedRow> = rows.into_iter().map(|row| (row.turn_id, row)).collect();
    Ok(batch.iter().map(|new| started.remove(&new.id).map(Exchange::from)).collect())
}

impl Store {
    pub async fn begin_turn(&self, new: NewTurn) -> Result<Begun, Error> {
        let (user, asked) = (new.user_id, new.conversation.model().map(str::to_owned));
        let (id, known) = (new.conversation.id(), Arc::clone(&new.known));
        // Nothing else can prevent a new conversation.
        let can_only_be_known = new.request.is_some() && new.conversation.made().is_some();
        match self.beginnings.write(new).await {
            Ok(Some(exchange)) => Ok(Begun::Started(Box::new(exchange))),
            Ok(None) if can_only_be_known => Ok(Begun::Known),
            Ok(None) => self.why_not(user, id, asked, &known).await,
            Err(error) if error.is_duplicate_of("turns_one_running", "turns.conversation_id") => Ok(Begun::Busy),
            // PostgreSQL alone: SQLite has no concurrent writer.
            Err(error) if error.is_duplicate_of("turns_by_idempotency_key", "turns.idempotency_key") => {
                Ok(Begun::Known)
            }
            Err(error) => Err(error),
        }
    }

    /// Reads the reason of a refusal, only once there is one.
    async fn why_not(
        &self,
        user: UserId,
        conversation: ConversationId,
        asked: Option<String>,
        known: &KnownModels,
    ) -> Result<Begun, Error> {
        let query = "select model from conversations where id = $1 and user_id = $2 and deleted_at is null";
        let found: Option<String> =
            on!(&self.pool, db => sqlx::query_scalar(query).bind(conversation).bind(user).fetch_optional(db).await?);
        let Some(own) = found else { return Ok(Begun::NotFound) };
        let model = asked.unwrap_or(own);
        Ok(if known.models.contains(&model) { Begun::Busy } else { Begun::UnknownModel(model) })
    }
}
