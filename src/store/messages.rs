//! Messages, in the order of their conversation.

use chrono::{DateTime, Utc};
use sqlx::{FromRow, types::Json};

use super::{Error, Store, on};
use crate::model::{Author, Block, ConversationId, Cursor, Message, MessageId, MessageState, Page, TurnId, UserId};

#[derive(FromRow)]
struct MessageRow {
    id: MessageId,
    conversation_id: ConversationId,
    turn_id: TurnId,
    position: i64,
    role: Author,
    content: Json<Vec<Block>>,
    state: MessageState,
    created_at: DateTime<Utc>,
}

impl From<MessageRow> for Message {
    fn from(row: MessageRow) -> Self {
        Self {
            id: row.id,
            conversation_id: row.conversation_id,
            turn_id: row.turn_id,
            role: row.role,
            content: Block::plain(&row.content),
            state: row.state,
            created_at: row.created_at,
        }
    }
}

impl Store {
    /// A page of a conversation's messages, after position `after`. The caller checks the conversation's owner.
    pub async fn messages(&self, conversation: ConversationId, after: i64, limit: u32) -> Result<Page<Message>, Error> {
        let query = "select id, conversation_id, turn_id, position, role, content, state, created_at from messages \
                     where conversation_id = $1 and position > $2 order by position limit $3";
        let rows: Vec<MessageRow> = on!(&self.pool, db => {
            sqlx::query_as(query).bind(conversation).bind(after).bind(i64::from(limit) + 1).fetch_all(db).await?
        });
        Ok(Page::of(rows, limit, |row| Cursor::Position { p: row.position }).map(Message::from))
    }

    pub async fn message(&self, owner: UserId, id: MessageId) -> Result<Option<Message>, Error> {
        let query = "select m.id, m.conversation_id, m.turn_id, m.position, m.role, m.content, m.state, m.created_at \
                     from messages m join conversations c on c.id = m.conversation_id \
                     where m.id = $1 and c.user_id = $2 and c.deleted_at is null";
        let row: Option<MessageRow> =
            on!(&self.pool, db => sqlx::query_as(query).bind(id).bind(owner).fetch_optional(db).await?);
        Ok(row.map(Message::from))
    }
}
