//! What is running now: the log that readers follow, the signal that cancels, and the note in Redis (or only here) that
//! tells every replica what runs where. The note expires unless its owner renews it, and is gone after the turn.

mod log;
mod notes;

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard},
};

use tokio_util::sync::CancellationToken;

pub use self::{
    log::{Log, Reader},
    notes::RunningTurn,
};
use crate::{
    event::{Started, TurnEvent},
    model::{TurnId, UserId},
    redis_link::RedisLink,
};

/// All turns that run in this process, and the notes about those elsewhere.
pub struct Live {
    here: Mutex<HashMap<TurnId, Arc<Running>>>,
    redis: Option<RedisLink>,
}

/// A turn that runs in this process.
pub struct Running {
    pub note: RunningTurn,
    pub log: Arc<Log>,
    /// Ends the turn; what has come is kept.
    pub cancel: CancellationToken,
}

impl Live {
    pub fn new(redis: Option<RedisLink>) -> Self {
        Self { here: Mutex::default(), redis }
    }

    /// From now on the turn runs here.
    pub fn begin(&self, note: RunningTurn, started: Started) -> Arc<Running> {
        let running = Arc::new(Running { log: Log::new(started), cancel: CancellationToken::new(), note });
        self.here().insert(running.note.turn_id, Arc::clone(&running));
        running
    }

    /// Notes it for the other replicas. Without Redis, or while it is away, nobody else knows; the turn runs all the same.
    pub async fn publish(&self, running: &Running) {
        if let Some(redis) = &self.redis {
            notes::write(redis, &running.note).await;
        }
    }

    /// Removes the note. To be called once the end is stored.
    pub async fn retract(&self, running: &Running) {
        if let Some(redis) = &self.redis {
            notes::remove(redis, &running.note).await;
        }
    }

    /// Tells the readers how it ended, and forgets it.
    pub fn end(&self, running: &Running, last: TurnEvent) {
        self.here().remove(&running.note.turn_id);
        running.log.end(last);
    }

    /// A turn that runs in this process.
    pub fn running(&self, id: TurnId) -> Option<Arc<Running>> {
        self.here().get(&id).map(Arc::clone)
    }

    /// Renews the notes of everything that runs here.
    pub async fn renew(&self) {
        let Some(redis) = &self.redis else { return };
        let running: Vec<Arc<Running>> = self.here().values().map(Arc::clone).collect();
        for turn in running {
            notes::write(redis, &turn.note).await;
        }
    }

    /// A user's running turns, on all replicas; while Redis is away, those of this process.
    pub async fn of_user(&self, user: UserId) -> Vec<RunningTurn> {
        if let Some(redis) = &self.redis
            && let Some(noted) = notes::of_user(redis, user).await
        {
            return noted;
        }
        let mut here: Vec<RunningTurn> =
            self.here().values().filter(|turn| turn.note.user_id == user).map(|turn| turn.note.clone()).collect();
        here.sort_by_key(|note| note.turn_id);
        here
    }

    /// Cancels everything that runs here.
    pub fn cancel_all(&self) {
        self.here().values().for_each(|running| running.cancel.cancel());
    }

    /// Whose turns run here.
    pub fn owners(&self) -> HashSet<UserId> {
        self.here().values().map(|running| running.note.user_id).collect()
    }

    /// Cancels a user's turns that run here.
    pub fn cancel_of(&self, user: UserId) {
        self.here().values().filter(|running| running.note.user_id == user).for_each(|running| running.cancel.cancel());
    }

    /// Which run here.
    pub fn ids(&self) -> Vec<TurnId> {
        self.here().keys().copied().collect()
    }

    /// How many run here.
    pub fn count(&self) -> usize {
        self.here().len()
    }

    fn here(&self) -> MutexGuard<'_, HashMap<TurnId, Arc<Running>>> {
        self.here.lock().expect("nobody panics while holding it")
    }
}
