//! Lookup of turns.

use crate::{
    app::{App, Caller, Error, Result},
    model::{Scope, Turn, TurnId, UserId},
};

impl App {
    pub async fn turn(&self, caller: &Caller, id: TurnId) -> Result<Turn> {
        self.owned_turn(caller.may(Scope::Read)?.id, id).await
    }

    pub(in crate::app) async fn owned_turn(&self, owner: UserId, id: TurnId) -> Result<Turn> {
        self.store.turn(Some(owner), id).await?.ok_or_else(|| Error::not_found("turn", id))
    }

    /// The caller's running turns, on all replicas.
    pub async fn running_turns(&self, caller: &Caller) -> Result<Vec<Turn>> {
        Ok(self.turns.live.of_user(caller.may(Scope::Read)?.id).await.iter().map(|note| note.turn()).collect())
    }
}
