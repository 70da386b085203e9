//! All users' turns, for administrators: user, model, times and outcome, without message text.

use chrono::{DateTime, Utc};
use sqlx::FromRow;
use uuid::Uuid;

use super::{
    Error, Store, on,
    turns::{TurnRow, turn_columns},
};
use crate::model::{Cursor, IdPrefix, InstanceId, OwnedTurn, Page, Turn, TurnId, TurnState, UserId};

#[derive(FromRow)]
struct OwnedRow {
    #[sqlx(flatten)]
    turn: TurnRow,
    user_id: UserId,
    username: String,
    cause: Option<String>,
    owner: InstanceId,
    lease_until: DateTime<Utc>,
}

impl From<OwnedRow> for OwnedTurn {
    fn from(row: OwnedRow) -> Self {
        let mut turn = Turn::from(row.turn);
        // A provider's message may repeat the prompt.
        turn.error.iter_mut().for_each(|error| error.detail.clear());
        Self {
            turn,
            user_id: row.user_id,
            username: row.username,
            cause: row.cause,
            instance: row.owner,
            lease_until: row.lease_until,
        }
    }
}

/// The error cause of the last provider call.
macro_rules! cause {
    () => {
        "(select a.error_cause from attempts a where a.turn_id = t.id order by a.number desc limit 1) as cause"
    };
}

/// All turns that meet a condition. The planner has to see the states themselves, to find the rare ones by an index of
/// their own among all that have been completed.
macro_rules! where_it {
    ($condition:literal) => {
        concat!(
            "select ",
            turn_columns!(),
            ", t.user_id, u.username, t.owner, t.lease_until, ",
            cause!(),
            " from turns t join users u on u.id = t.user_id where u.deleted_at is null and ",
            $condition,
            " and t.id < $1 order by t.id desc limit $2"
        )
    };
}

impl Store {
    /// Turns, the newest first; only those in a state, if one is given.
    pub async fn admin_turns(
        &self,
        state: Option<TurnState>,
        before: Option<TurnId>,
        limit: u32,
    ) -> Result<Page<OwnedTurn>, Error> {
        let query = match state {
            None => where_it!("true"),
            Some(TurnState::Running) => where_it!("t.state = 'running'"),
            Some(TurnState::Completed) => where_it!("t.state = 'completed'"),
            Some(TurnState::Failed) => where_it!("t.state = 'failed'"),
            Some(TurnState::Cancelled) => where_it!("t.state = 'cancelled'"),
            Some(TurnState::Interrupted) => where_it!("t.state = 'interrupted'"),
        };
        let before = before.map_or(Uuid::max(), Uuid::from);
        let rows: Vec<OwnedRow> = on!(&self.pool, db => {
            sqlx::query_as(query).bind(before).bind(i64::from(limit) + 1).fetch_all(db).await?
        });
        let rows = rows.into_iter().map(OwnedTurn::from).collect();
        Ok(Page::of(rows, limit, |row: &OwnedTurn| Cursor::Time { t: row.turn.created_at, id: row.turn.id.into() }))
    }

    /// Some of the turns with this prefix.
    pub async fn turns_by_prefix(&self, prefix: &IdPrefix, limit: u32) -> Result<Vec<TurnId>, Error> {
        let query = "select id from turns where id between $1 and $2 order by id limit $3";
        Ok(on!(&self.pool, db => {
            sqlx::query_scalar(query).bind(prefix.low).bind(prefix.high).bind(i64::from(limit)).fetch_all(db).await?
        }))
    }

    pub async fn admin_turn(&self, id: TurnId) -> Result<Option<OwnedTurn>, Error> {
        let query = concat!(
            "select ",
            turn_columns!(),
            ", t.user_id, u.username, t.owner, t.lease_until, ",
            cause!(),
            " from turns t join users u on u.id = t.user_id where t.id = $1 and u.deleted_at is null"
        );
        let row: Option<OwnedRow> = on!(&self.pool, db => sqlx::query_as(query).bind(id).fetch_optional(db).await?);
        Ok(row.map(OwnedTurn::from))
    }

    /// Why the last provider call of a turn failed, where users see less.
    pub async fn turn_cause(&self, id: TurnId) -> Result<Option<String>, Error> {
        let query = "select error_cause from attempts where turn_id = $1 order by number desc limit 1";
        let cause: Option<Option<String>> =
            on!(&self.pool, db => sqlx::query_scalar(query).bind(id).fetch_optional(db).await?);
        Ok(cause.flatten())
    }
}
