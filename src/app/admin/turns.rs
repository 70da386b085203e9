//! Looking at everybody's turns.

use crate::{
    app::{Admin, App, Error, Result},
    model::{Cursor, OwnedTurn, Page, TurnId, TurnState},
};

impl App {
    /// Running and past turns, the newest first, without what was said in them.
    pub async fn admin_turns(
        &self,
        _: &Admin,
        state: Option<TurnState>,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<Page<OwnedTurn>> {
        let before = match cursor.map(Cursor::decode).transpose()? {
            Some(Cursor::Time { id, .. }) => Some(TurnId::from(id)),
            Some(Cursor::Position { .. } | Cursor::Name { .. }) => return Err(Cursor::foreign().into()),
            None => None,
        };
        Ok(self.store.admin_turns(state, before, limit).await?)
    }

    pub async fn admin_turn(&self, _: &Admin, id: TurnId) -> Result<OwnedTurn> {
        self.store.admin_turn(id).await?.ok_or_else(|| Error::not_found("turn", id))
    }

    /// What the operator at the shell should know of a turn of this process that failed. Best effort: the turn's own error stands.
    pub async fn turn_cause(&self, id: TurnId) -> Option<String> {
        self.store.turn_cause(id).await.ok().flatten()
    }
}
