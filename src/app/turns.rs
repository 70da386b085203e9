//! Looking at turns.

use super::{App, Caller, Error, Result};
use crate::model::{Scope, Turn, TurnId};

impl App {
    pub async fn turn(&self, caller: &Caller, id: TurnId) -> Result<Turn> {
        self.store.turn(caller.may(Scope::Read)?.id, id).await?.ok_or_else(|| Error::not_found("turn", id))
    }

    /// The caller's running turns, on all replicas.
    pub async fn running_turns(&self, caller: &Caller) -> Result<Vec<Turn>> {
        Ok(self.live.of_user(caller.may(Scope::Read)?.id).await.iter().map(|note| note.turn()).collect())
    }
}
