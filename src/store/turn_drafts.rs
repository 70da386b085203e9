//! Running turns: lease renewal, drafts of their replies, and takeover from an owner that is gone. Only a turn's owner
//! can write here.

use chrono::{DateTime, Utc};
use sqlx::{FromRow, types::Json};

use super::{Error, FIRST_FENCE, Pool, Store, Tx, on, with_timeout};
use crate::model::{AttemptId, Block, ConversationId, InstanceId, MessageId, Pieces, TurnId, TurnState, UserId};

/// A stored draft of a reply; of a turn that has ended only its pieces.
#[derive(Debug)]
pub struct StoredDraft {
    pub state: TurnState,
    pub draft: String,
    /// `None`: no draft was ever written.
    pub pieces: Option<Pieces>,
    /// It was taken over from its first owner, which may have emitted more than is stored.
    pub was_taken_over: bool,
}

/// A turn whose lease ran out, taken over by the caller.
#[derive(Debug, FromRow)]
pub struct Lapsed {
    pub id: TurnId,
    pub user_id: UserId,
    pub conversation_id: ConversationId,
    pub assistant_message_id: MessageId,
    pub model: String,
    /// The new owner's fence; the old one's is void.
    pub fence: i64,
    pub draft: Option<String>,
    pieces: Option<Vec<u8>>,
    /// The user message's position in its conversation.
    pub position: i64,
    /// The provider call that is not settled.
    pub attempt_id: Option<AttemptId>,
}

impl Lapsed {
    pub fn pieces(&self) -> Pieces {
        Pieces::from_bytes(self.pieces.clone().unwrap_or_default())
    }
}

/// A draft to be written.
pub struct NewDraft<'a> {
    pub turn: TurnId,
    pub text: &'a str,
    pub pieces: &'a Pieces,
}

impl Store {
    /// Renews the leases of an instance's running turns, in one statement or transaction. Returns those still its own.
    pub async fn renew_turns(
        &self,
        owner: InstanceId,
        turns: &[TurnId],
        until: DateTime<Utc>,
    ) -> Result<Vec<TurnId>, Error> {
        match &self.pool {
            Pool::Postgres(pool) => {
                let query = "update turns set lease_until = $2 where id = any($3) and owner = $1 and finished_at is null returning id";
                let renewed = sqlx::query_scalar(query).bind(owner).bind(until).bind(turns).fetch_all(pool);
                with_timeout(async { Ok(renewed.await?) }).await
            }
            Pool::Sqlite(pool) => {
                let query = "update turns set lease_until = $2 where id = $3 and owner = $1 and state = 'running'";
                let mut tx = self.writer.begin(pool).await?;
                let mut own = Vec::with_capacity(turns.len());
                for turn in turns {
                    let renewed = sqlx::query(query).bind(owner).bind(until).bind(turn).execute(&mut *tx).await?;
                    own.extend((renewed.rows_affected() == 1).then_some(*turn));
                }
                Tx::Sqlite(tx).commit().await?;
                Ok(own)
            }
        }
    }

    /// Writes drafts; on PostgreSQL one statement for all of them. Returns the turns that are still this owner's.
    pub async fn write_drafts(&self, owner: InstanceId, drafts: &[NewDraft<'_>]) -> Result<Vec<TurnId>, Error> {
        match &self.pool {
            Pool::Postgres(pool) => {
                let query = "update turns set draft = told.draft, pieces = told.pieces \
                             from unnest($2::uuid[], $3::text[], $4::bytea[]) as told (id, draft, pieces) \
                             where turns.id = told.id and turns.owner = $1 and turns.finished_at is null returning turns.id";
                let stored_draft = sqlx::query_scalar(query)
                    .bind(owner)
                    .bind(drafts.iter().map(|draft| draft.turn).collect::<Vec<_>>())
                    .bind(drafts.iter().map(|draft| draft.text).collect::<Vec<_>>())
                    .bind(drafts.iter().map(|draft| draft.pieces.bytes()).collect::<Vec<_>>())
                    .fetch_all(pool);
                with_timeout(async { Ok(stored_draft.await?) }).await
            }
            Pool::Sqlite(pool) => {
                let query =
                    "update turns set draft = $3, pieces = $4 where id = $2 and owner = $1 and state = 'running'";
                let mut tx = self.writer.begin(pool).await?;
                let mut own = Vec::with_capacity(drafts.len());
                for draft in drafts {
                    let write = sqlx::query(query).bind(owner).bind(draft.turn).bind(draft.text);
                    let stored_draft = write.bind(draft.pieces.bytes()).execute(&mut *tx).await?;
                    own.extend((stored_draft.rows_affected() == 1).then_some(draft.turn));
                }
                Tx::Sqlite(tx).commit().await?;
                Ok(own)
            }
        }
    }

    /// What is stored of a turn beside its messages.
    pub async fn stored_draft(&self, turn: TurnId) -> Result<Option<StoredDraft>, Error> {
        let query = "select state, draft, pieces, fence from turns where id = $1";
        type Row = (TurnState, Option<String>, Option<Vec<u8>>, i64);
        let row: Option<Row> = on!(&self.pool, db => sqlx::query_as(query).bind(turn).fetch_optional(db).await?);
        Ok(row.map(|(state, draft, pieces, fence)| StoredDraft {
            state,
            draft: draft.unwrap_or_default(),
            pieces: pieces.map(Pieces::from_bytes),
            was_taken_over: fence > FIRST_FENCE,
        }))
    }

    /// Takes over turns whose lease ran out, some at a time. A lease that ends after `latest` was written by a clock
    /// that has been corrected since, and has run out as well. The fence grows, so that an owner that comes back too
    /// late cannot write; of several concurrent callers, one gets a turn.
    pub async fn take_over_lapsed(
        &self,
        new_owner: InstanceId,
        now: DateTime<Utc>,
        lease_until: DateTime<Utc>,
        latest: DateTime<Utc>,
        most: usize,
    ) -> Result<Vec<Lapsed>, Error> {
        let query = "update turns set owner = $1, fence = fence + 1, lease_until = $3 \
                     where state = 'running' and (lease_until < $2 or lease_until > $5) \
                     and id in (select id from turns where state = 'running' and (lease_until < $2 or lease_until > $5) limit $4) \
                     returning id, user_id, conversation_id, assistant_message_id, model, fence, draft, pieces, \
                     (select position from messages where turn_id = turns.id and role = 'user') as position, \
                     (select a.id from attempts a where a.turn_id = turns.id and a.finished_at is null \
                      order by a.number desc limit 1) as attempt_id";
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        Ok(on!(&self.pool, db => {
            sqlx::query_as(query).bind(new_owner).bind(now).bind(lease_until).bind(most).bind(latest).fetch_all(db).await?
        }))
    }

    /// The input texts of a turn: the system prompt, its own message and the history, newest first.
    pub async fn input_texts(&self, conversation: ConversationId, position: i64) -> Result<Vec<String>, Error> {
        let query = "select system_prompt from conversations where id = $1";
        let prompt: Option<Option<String>> =
            on!(&self.pool, db => sqlx::query_scalar(query).bind(conversation).fetch_optional(db).await?);
        let query = "select content from messages where conversation_id = $1 and position <= $2 \
                     order by position desc limit 1000";
        let contents: Vec<Json<Vec<Block>>> = on!(&self.pool, db => {
            sqlx::query_scalar(query).bind(conversation).bind(position).fetch_all(db).await?
        });
        let said = contents.iter().map(|content| Block::plain(&content.0));
        Ok(prompt.flatten().into_iter().chain(said).collect())
    }
}
