//! Turns of all users.

use crate::{
    app::{Admin, App, Error, Result},
    model::{Cursor, OwnedTurn, Page, TurnId, TurnState},
};

impl App {
    /// Running and past turns, the newest first, without their texts.
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

    /// The stored cause of a failed turn of this process, for the operator at the shell. Best effort: the turn's own
    /// error stands.
    pub async fn turn_cause(&self, id: TurnId) -> Option<String> {
        self.store.turn_cause(id).await.ok().flatten()
    }
}
