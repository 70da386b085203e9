//! Conversations. Every statement filters by owner: another user's conversation is not found.

use chrono::{DateTime, Utc};

use super::{Error, Store, on};
use crate::model::{Conversation, ConversationId, Cursor, IdPrefix, Page, UserId};

impl Store {
    pub async fn insert_conversation(&self, owner: UserId, new: &Conversation) -> Result<(), Error> {
        let query = "insert into conversations (id, user_id, title, model, system_prompt, next_position, created_at, updated_at) \
                     values ($1, $2, $3, $4, $5, 1, $6, $6)";
        on!(&self.pool, db => {
            sqlx::query(query)
                .bind(new.id)
                .bind(owner)
                .bind(&new.title)
                .bind(&new.model)
                .bind(&new.system_prompt)
                .bind(new.created_at)
                .execute(db)
                .await?;
        });
        Ok(())
    }

    pub async fn conversation(&self, owner: UserId, id: ConversationId) -> Result<Option<Conversation>, Error> {
        let query = "select id, title, model, system_prompt, created_at, updated_at from conversations \
                     where id = $1 and user_id = $2 and deleted_at is null";
        Ok(on!(&self.pool, db => sqlx::query_as(query).bind(id).bind(owner).fetch_optional(db).await?))
    }

    /// Some of the owner's conversations with this prefix.
    pub async fn conversations_by_prefix(
        &self,
        owner: UserId,
        prefix: &IdPrefix,
        limit: u32,
    ) -> Result<Vec<ConversationId>, Error> {
        let query = "select id from conversations \
                     where id between $1 and $2 and user_id = $3 and deleted_at is null order by id limit $4";
        Ok(on!(&self.pool, db => {
            let ids = sqlx::query_scalar(query).bind(prefix.low).bind(prefix.high).bind(owner);
            ids.bind(i64::from(limit)).fetch_all(db).await?
        }))
    }

    /// The owner's conversations, the last used first.
    pub async fn conversations(
        &self,
        owner: UserId,
        after: Option<(DateTime<Utc>, uuid::Uuid)>,
        limit: u32,
    ) -> Result<Page<Conversation>, Error> {
        let query = "select id, title, model, system_prompt, created_at, updated_at from conversations \
                     where user_id = $1 and deleted_at is null and ($2 is null or (updated_at, id) < ($2, $3)) \
                     order by updated_at desc, id desc limit $4";
        let (time, id) = after.unzip();
        let rows: Vec<Conversation> = on!(&self.pool, db => {
            sqlx::query_as(query).bind(owner).bind(time).bind(id).bind(i64::from(limit) + 1).fetch_all(db).await?
        });
        Ok(Page::of(rows, limit, |row| Cursor::Time { t: row.updated_at, id: row.id.into() }))
    }

    /// Writes title, model and system prompt; `false` if it is not there.
    pub async fn update_conversation(&self, owner: UserId, changed: &Conversation) -> Result<bool, Error> {
        let query = "update conversations set title = $3, model = $4, system_prompt = $5, updated_at = $6 \
                     where id = $1 and user_id = $2 and deleted_at is null";
        let outcome = on!(&self.pool, db => {
            sqlx::query(query)
                .bind(changed.id)
                .bind(owner)
                .bind(&changed.title)
                .bind(&changed.model)
                .bind(&changed.system_prompt)
                .bind(changed.updated_at)
                .execute(db)
                .await?
                .rows_affected()
        });
        Ok(outcome == 1)
    }

    /// Soft-deletes a conversation; `false` if it is not there.
    pub async fn delete_conversation(
        &self,
        owner: UserId,
        id: ConversationId,
        now: DateTime<Utc>,
    ) -> Result<bool, Error> {
        let query = "update conversations set deleted_at = $3 where id = $1 and user_id = $2 and deleted_at is null";
        let outcome =
            on!(&self.pool, db => sqlx::query(query).bind(id).bind(owner).bind(now).execute(db).await?.rows_affected());
        Ok(outcome == 1)
    }
}
