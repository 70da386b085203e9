//! Cancelling a turn: its provider call is dropped, and the partial reply is kept. A turn of this process ends at once.
//! For any other a cancel request is stored, which its owner polls for a few times a second; so cancelling needs no
//! running server.

use std::{sync::Arc, time::Duration};

use tokio::runtime::Handle;

use crate::{
    app::{Admin, App, Caller, Error, Origin, Result},
    clock,
    model::{Scope, Turn, TurnId, TurnState, UserId},
};

/// Between two polls for cancel requests. The rest of the promised second is for the request and the provider's
/// connection.
pub(in crate::app) const CANCEL_POLL_INTERVAL: Duration = Duration::from_millis(300);

impl App {
    /// Cancels a turn and returns it as it stands; its subscriptions get its end. For a turn that has ended nothing
    /// changes. An administrator may cancel any user's turn; that is an act of administration.
    pub async fn cancel_turn(&self, caller: &Caller, turn_id: TurnId, origin: &Origin) -> Result<Turn> {
        let user = caller.may(Scope::Chat)?;
        match self.cancel_own_turn(user.id, turn_id).await? {
            Some(turn) => Ok(turn),
            None => match Admin::of(caller, origin.clone()) {
                Ok(admin) => self.cancel_any_turn(&admin, turn_id).await,
                Err(_) => Err(Error::not_found("turn", turn_id)),
            },
        }
    }

    async fn cancel_own_turn(&self, user: UserId, turn_id: TurnId) -> Result<Option<Turn>> {
        if let Some(running) = self.turns.live.running(turn_id).filter(|running| running.note.user_id == user) {
            running.cancel.cancel();
            return Ok(Some(running.note.turn()));
        }
        let turn = self.store.turn(Some(user), turn_id).await?;
        if turn.as_ref().is_some_and(|turn| turn.state == TurnState::Running) {
            self.store.request_cancel(turn_id, clock::now()).await?;
        }
        Ok(turn)
    }

    /// Cancels any user's turn, at the shell too. Without a change there is no row in the audit log.
    pub async fn cancel_any_turn(&self, admin: &Admin, turn_id: TurnId) -> Result<Turn> {
        let turn = self.store.turn(None, turn_id).await?.ok_or_else(|| Error::not_found("turn", turn_id))?;
        if turn.state != TurnState::Running {
            return Ok(turn);
        }
        let mut tx = self.store.audited().await?;
        if tx.request_cancel(turn_id, clock::now()).await?
            && self.enact(admin, tx, &admin.entry("turn.cancel", format!("turn:{turn_id}"))).await?
            && let Some(running) = self.turns.live.running(turn_id)
        {
            running.cancel.cancel();
        }
        Ok(turn)
    }

    /// Cancels the turns of this process that have a stored cancel request. While the database is unavailable there is
    /// none.
    pub(in crate::app) async fn apply_cancel_requests(&self) {
        if self.turns.live.count() == 0 {
            return;
        }
        for turn in self.store.cancel_requests(self.instance).await.unwrap_or_default() {
            if let Some(running) = self.turns.live.running(turn) {
                running.cancel.cancel();
            }
        }
    }
}

/// Cancels a turn when dropped before the turn's end: the client has disconnected, and its request asked for that. Not
/// while this process drains: then it is not the client that leaves.
pub(in crate::app) struct CancelOnDisconnect {
    app: Arc<App>,
    user: UserId,
    turn_id: TurnId,
    is_over: bool,
}

impl CancelOnDisconnect {
    pub(in crate::app) fn new(app: &Arc<App>, caller: &Caller, turn_id: TurnId) -> Self {
        Self { app: Arc::clone(app), user: caller.user().id, turn_id, is_over: false }
    }

    pub(in crate::app) fn disarm(mut self) {
        self.is_over = true;
    }
}

impl Drop for CancelOnDisconnect {
    fn drop(&mut self) {
        if self.is_over || self.app.is_draining() {
            return;
        }
        if let Some(running) = self.app.turns.live.running(self.turn_id) {
            return running.cancel.cancel();
        }
        // The turn runs in another process, where the same request was sent first.
        let Ok(runtime) = Handle::try_current() else { return };
        let (app, user, turn_id) = (Arc::clone(&self.app), self.user, self.turn_id);
        runtime.spawn(async move {
            if let Err(error) = app.cancel_own_turn(user, turn_id).await {
                tracing::warn!(%turn_id, %error, "a turn whose client has gone could not be cancelled");
            }
        });
    }
}
