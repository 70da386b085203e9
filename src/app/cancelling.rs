//! Cancelling a turn: its provider call is dropped, and what has come of the reply is kept.

use std::sync::Arc;

use tokio::runtime::Handle;

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

/// Cancels a turn when it is dropped before the turn's end: the client has gone away, and its request has asked for that.
/// It is not the client that goes where this process is about to end.
pub(super) struct Leaving {
    app: Arc<App>,
    caller: Caller,
    turn_id: TurnId,
    is_over: bool,
}

impl Leaving {
    pub(super) fn new(app: &Arc<App>, caller: &Caller, turn_id: TurnId) -> Self {
        Self { app: Arc::clone(app), caller: caller.clone(), turn_id, is_over: false }
    }

    pub(super) fn call_off(mut self) {
        self.is_over = true;
    }
}

impl Drop for Leaving {
    fn drop(&mut self) {
        if self.is_over || self.app.is_draining() {
            return;
        }
        if let Some(running) = self.app.live.running(self.turn_id) {
            return running.cancel.cancel();
        }
        // It runs in another process, where the same request was sent first.
        let Ok(runtime) = Handle::try_current() else { return };
        let (app, caller, turn_id) = (Arc::clone(&self.app), self.caller.clone(), self.turn_id);
        runtime.spawn(async move {
            if let Err(error) = app.cancel_turn(&caller, turn_id).await {
                tracing::warn!(%turn_id, %error, "a turn whose client has gone could not be cancelled");
            }
        });
    }
}
