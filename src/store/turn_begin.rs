//! Admitting a turn: conversation, turn, user message and first attempt are stored together or not at all. On
//! PostgreSQL this is one statement, one round trip, which also brings back what was said before.

use chrono::{DateTime, Utc};
use sqlx::{FromRow, PgPool, SqliteConnection, SqlitePool, types::Json};

use super::{Error, Pool, Store, Tx, in_time, on};
use crate::model::{AttemptId, Block, Conversation, ConversationId, InstanceId, MessageId, TurnId, UserId};

/// How many exchanges of the past are read at the most; what does not fit the model is cut afterwards.
const HISTORY_LIMIT: i64 = 500;

/// The fence of a turn's first owner, as the statements below write it.
pub const FIRST_FENCE: i64 = 1;

/// A turn to be.
pub struct NewTurn<'a> {
    pub id: TurnId,
    pub user_id: UserId,
    pub conversation: Where<'a>,
    pub user_message_id: MessageId,
    pub assistant_message_id: MessageId,
    pub content: &'a str,
    pub attempt_id: AttemptId,
    pub owner: InstanceId,
    pub lease_until: DateTime<Utc>,
    pub now: DateTime<Utc>,
    /// The models that may be used and, at the same places, their providers.
    pub models: &'a [String],
    pub providers: &'a [String],
}

/// The conversation a turn belongs to.
pub enum Where<'a> {
    New(NewConversation<'a>),
    /// `model`: another one than the conversation's, for this turn.
    In {
        id: ConversationId,
        model: Option<&'a str>,
    },
}

pub struct NewConversation<'a> {
    pub id: ConversationId,
    pub title: Option<&'a str>,
    pub model: &'a str,
    pub system_prompt: Option<&'a str>,
}

/// What came of it.
pub enum Begun {
    Started(Box<Exchange>),
    /// No such conversation of this user.
    NotFound,
    /// The conversation's own model is not among those that may be used.
    UnknownModel(String),
    /// A turn runs in this conversation.
    Busy,
}

/// What the database knows about a started turn.
pub struct Exchange {
    pub conversation: Conversation,
    pub model: String,
    /// The user message's place in the conversation; the reply's is the next.
    pub position: i64,
    /// Questions and answers before this one, oldest first.
    pub history: Vec<(String, String)>,
}

/// A message's content as it is stored.
type Blocks = Json<Vec<Block>>;

#[derive(FromRow)]
struct StartedRow {
    #[sqlx(flatten)]
    conversation: Conversation,
    turn_model: String,
    position: i64,
    history: Json<Vec<(Vec<Block>, Vec<Block>)>>,
}

impl From<StartedRow> for Exchange {
    fn from(row: StartedRow) -> Self {
        let history = row.history.0.iter().map(|(question, answer)| (Block::plain(question), Block::plain(answer)));
        Self {
            conversation: row.conversation,
            model: row.turn_model,
            position: row.position,
            history: history.collect(),
        }
    }
}

impl Store {
    pub async fn begin_turn(&self, new: &NewTurn<'_>) -> Result<Begun, Error> {
        let outcome = match &self.pool {
            Pool::Postgres(pool) => in_time(begin_on_postgres(pool, new)).await,
            Pool::Sqlite(pool) => self.begin_in_steps(pool, new).await,
        };
        match outcome {
            Ok(Some(row)) => Ok(Begun::Started(Box::new(row.into()))),
            Ok(None) => self.why_not(new).await,
            Err(error) if error.is_duplicate_of("turns_one_running", "turns.conversation_id") => Ok(Begun::Busy),
            Err(error) => Err(error),
        }
    }

    async fn begin_in_steps(&self, pool: &SqlitePool, new: &NewTurn<'_>) -> Result<Option<StartedRow>, Error> {
        let mut tx = self.begin_on_sqlite(pool).await?;
        let Some(claimed) = claim_conversation(&mut tx, new).await? else { return Ok(None) };
        let history = past_exchanges(&mut tx, claimed.conversation.id).await?;
        write_turn(&mut tx, new, &claimed).await?;
        Tx::Sqlite(tx).commit().await?;
        let ClaimedRow { conversation, turn_model, position } = claimed;
        Ok(Some(StartedRow { conversation, turn_model, position, history: Json(history) }))
    }

    /// The refusal's reason is read only once there is one.
    async fn why_not(&self, new: &NewTurn<'_>) -> Result<Begun, Error> {
        let Where::In { id, model } = new.conversation else { return Ok(Begun::NotFound) };
        let query = "select model from conversations where id = $1 and user_id = $2 and deleted_at is null";
        let found: Option<String> =
            on!(&self.pool, db => sqlx::query_scalar(query).bind(id).bind(new.user_id).fetch_optional(db).await?);
        Ok(found.map_or(Begun::NotFound, |own| Begun::UnknownModel(model.map_or(own, str::to_owned))))
    }
}

/// The statement after its first step, which yields the conversation and the position of the message.
macro_rules! begin_turn {
    ($conversation:literal) => {
        concat!(
            "with conversation as (",
            $conversation,
            " returning id, title, model, system_prompt, created_at, updated_at, next_position - 2 as position), \
             turn as ( \
                insert into turns (id, conversation_id, user_id, user_message_id, assistant_message_id, model, state, owner, fence, lease_until, created_at) \
                select $5, id, $2, $6, $7, coalesce($4, model), 'running', $8, 1, $9, $3 from conversation returning model), \
             message as ( \
                insert into messages (id, conversation_id, turn_id, position, role, content, state, created_at) \
                select $6, id, $5, position, 'user', $10, 'complete', $3 from conversation), \
             attempt as ( \
                insert into attempts (id, turn_id, number, provider, model, started_at) \
                select $11, $5, 1, known.provider, turn.model, $3 \
                from turn join unnest($13::text[], $14::text[]) as known (model, provider) using (model)) \
             select id, title, conversation.model, system_prompt, created_at, updated_at, position, turn.model as turn_model, \
                (select coalesce(jsonb_agg(jsonb_build_array(past.question, past.answer) order by past.position), '[]') \
                 from (select q.position, q.content as question, a.content as answer \
                       from messages q join messages a on a.turn_id = q.turn_id and a.role = 'assistant' \
                       where q.conversation_id = $1 and q.role = 'user' order by q.position desc limit $12) past) as history \
             from conversation cross join turn"
        )
    };
}

async fn begin_on_postgres(pool: &PgPool, new: &NewTurn<'_>) -> Result<Option<StartedRow>, Error> {
    let (query, id, model, title, system_prompt) = match &new.conversation {
        Where::New(made) => (
            begin_turn!(
                "insert into conversations (id, user_id, title, model, system_prompt, next_position, created_at, updated_at) \
                 values ($1, $2, $15, $4, $16, 3, $3, $3)"
            ),
            made.id,
            Some(made.model),
            made.title,
            made.system_prompt,
        ),
        Where::In { id, model } => (
            begin_turn!(
                "update conversations set next_position = next_position + 2, updated_at = $3 \
                 where id = $1 and user_id = $2 and deleted_at is null and coalesce($4, model) = any($13) \
                 and $15::text is null and $16::text is null"
            ),
            *id,
            *model,
            None,
            None,
        ),
    };
    let content = Json([Block::Text { text: new.content.to_owned() }]);
    let row = sqlx::query_as(query)
        .bind(id)
        .bind(new.user_id)
        .bind(new.now)
        .bind(model)
        .bind(new.id)
        .bind(new.user_message_id)
        .bind(new.assistant_message_id)
        .bind(new.owner)
        .bind(new.lease_until)
        .bind(content)
        .bind(new.attempt_id)
        .bind(HISTORY_LIMIT)
        .bind(new.models)
        .bind(new.providers)
        .bind(title)
        .bind(system_prompt);
    Ok(row.fetch_optional(pool).await?)
}

#[derive(FromRow)]
struct ClaimedRow {
    #[sqlx(flatten)]
    conversation: Conversation,
    turn_model: String,
    position: i64,
}

async fn claim_conversation(tx: &mut SqliteConnection, new: &NewTurn<'_>) -> Result<Option<ClaimedRow>, Error> {
    let row = match &new.conversation {
        Where::New(made) => {
            sqlx::query_as(
                "insert into conversations (id, user_id, title, model, system_prompt, next_position, created_at, updated_at) \
                 values ($1, $2, $3, $4, $5, 3, $6, $6) \
                 returning id, title, model, system_prompt, created_at, updated_at, model as turn_model, next_position - 2 as position",
            )
            .bind(made.id)
            .bind(new.user_id)
            .bind(made.title)
            .bind(made.model)
            .bind(made.system_prompt)
            .bind(new.now)
            .fetch_optional(&mut *tx)
            .await?
        }
        Where::In { id, model } => {
            sqlx::query_as(
                "update conversations set next_position = next_position + 2, updated_at = $3 \
                 where id = $1 and user_id = $2 and deleted_at is null \
                 and coalesce($4, model) in (select value from json_each($5)) \
                 returning id, title, model, system_prompt, created_at, updated_at, coalesce($4, model) as turn_model, \
                 next_position - 2 as position",
            )
            .bind(id)
            .bind(new.user_id)
            .bind(new.now)
            .bind(*model)
            .bind(Json(new.models))
            .fetch_optional(&mut *tx)
            .await?
        }
    };
    Ok(row)
}

async fn past_exchanges(
    tx: &mut SqliteConnection,
    conversation: ConversationId,
) -> Result<Vec<(Vec<Block>, Vec<Block>)>, Error> {
    let query = "select q.content, a.content from messages q join messages a on a.turn_id = q.turn_id and a.role = 'assistant' \
                 where q.conversation_id = $1 and q.role = 'user' order by q.position desc limit $2";
    let rows: Vec<(Blocks, Blocks)> =
        sqlx::query_as(query).bind(conversation).bind(HISTORY_LIMIT).fetch_all(&mut *tx).await?;
    Ok(rows.into_iter().rev().map(|(question, answer)| (question.0, answer.0)).collect())
}

async fn write_turn(tx: &mut SqliteConnection, new: &NewTurn<'_>, claimed: &ClaimedRow) -> Result<(), Error> {
    sqlx::query(
        "insert into turns (id, conversation_id, user_id, user_message_id, assistant_message_id, model, state, owner, fence, lease_until, created_at) \
         values ($1, $2, $3, $4, $5, $6, 'running', $7, 1, $8, $9)",
    )
    .bind(new.id)
    .bind(claimed.conversation.id)
    .bind(new.user_id)
    .bind(new.user_message_id)
    .bind(new.assistant_message_id)
    .bind(&claimed.turn_model)
    .bind(new.owner)
    .bind(new.lease_until)
    .bind(new.now)
    .execute(&mut *tx)
    .await?;
    sqlx::query(
        "insert into messages (id, conversation_id, turn_id, position, role, content, state, created_at) \
         values ($1, $2, $3, $4, 'user', $5, 'complete', $6)",
    )
    .bind(new.user_message_id)
    .bind(claimed.conversation.id)
    .bind(new.id)
    .bind(claimed.position)
    .bind(Json([Block::Text { text: new.content.to_owned() }]))
    .bind(new.now)
    .execute(&mut *tx)
    .await?;
    let provider =
        new.models.iter().position(|known| *known == claimed.turn_model).map(|place| new.providers[place].as_str());
    sqlx::query(
        "insert into attempts (id, turn_id, number, provider, model, started_at) values ($1, $2, 1, $3, $4, $5)",
    )
    .bind(new.attempt_id)
    .bind(new.id)
    .bind(provider)
    .bind(&claimed.turn_model)
    .bind(new.now)
    .execute(&mut *tx)
    .await?;
    Ok(())
}
