//! Leases and drafts of the turns of this process. Both are written for all turns together, and both tell which turns
//! have lost their lease, because this process was silent for too long.

use std::{collections::HashSet, sync::Arc};

use crate::{
    app::App,
    live::Running,
    model::{LEASE, TurnId},
    store::{self, NewDraft},
};

/// Drafts per statement.
const AT_ONCE: usize = 64;

impl App {
    pub(in crate::app) async fn renew_turns(&self) -> Result<(), store::Error> {
        let here = self.turns.live.all();
        if here.is_empty() {
            return Ok(());
        }
        let turns: Vec<TurnId> = here.iter().map(|running| running.note.turn_id).collect();
        let own = self.store.renew_turns(self.instance, &turns, self.store.now() + LEASE).await?;
        mark_lease_lost(&here, &own);
        Ok(())
    }

    /// Stores the drafts that are due. While the database is unavailable it can wait.
    pub(in crate::app) async fn write_drafts(&self) {
        loop {
            let (turns, drafts): (Vec<Arc<Running>>, Vec<_>) = self.turns.live.drafts(AT_ONCE).into_iter().unzip();
            if drafts.is_empty() {
                return;
            }
            let told =
                drafts.iter().map(|draft| NewDraft { turn: draft.turn, text: &draft.text, pieces: &draft.pieces });
            let Ok(own) = self.store.write_drafts(self.instance, &told.collect::<Vec<_>>()).await else { return };
            turns.iter().zip(&drafts).for_each(|(running, draft)| running.keep(draft));
            mark_lease_lost(&turns, &own);
            if drafts.len() < AT_ONCE {
                return;
            }
        }
    }
}

/// A turn not in `own` was ended by another replica, or has just ended anyway.
fn mark_lease_lost(turns: &[Arc<Running>], own: &[TurnId]) {
    let own: HashSet<&TurnId> = own.iter().collect();
    let lost = turns.iter().filter(|running| !own.contains(&running.note.turn_id));
    lost.for_each(|running| running.lease_lost.cancel());
}
