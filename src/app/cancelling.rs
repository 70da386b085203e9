//! Cancelling a turn: its provider call is dropped, and what has come of the reply is kept.

use super::{App, Caller, Result};
use crate::model::{Scope, Turn, TurnId, TurnState};

impl App {
    /// Gives the turn as it stands; its end comes to those who follow it. Cancelling a turn that has ended changes nothing.
    /// A turn of another process is out of reach, and runs on.
    pub async fn cancel_turn(&self, caller: &Caller, turn_id: TurnId) -> Result<Turn> {
        let turn = self.owned_turn(caller.may(Scope::Chat)?.id, turn_id).await?;
        if turn.state == TurnState::Running
            && let Some(running) = self.live.running(turn_id)
        {
            running.cancel.cancel();
        }
        Ok(turn)
    }
}
