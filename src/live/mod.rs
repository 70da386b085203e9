//! Running turns: the event log that readers follow, here or through Redis, the cancellation token, and the note in
//! Redis (or only here) by which every replica knows which turns run where. A note expires unless its owner renews it,
//! and is removed after the turn; the stream in Redis outlives the turn by some minutes. No failure here stops a turn.

mod log;
mod notes;
mod running;
mod stream;
mod stream_publisher;

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use parking_lot::{Mutex, MutexGuard};
use tokio::{sync::Notify, time::sleep};

use self::stream_publisher::Batch;
pub use self::{
    log::{EventLog, Reader},
    notes::RunningTurn,
    running::{Draft, Running},
    stream::StreamEntry,
};
use crate::{
    event::{Started, TurnEvent},
    model::{TurnId, UserId},
    redis::{RedisLink, Unavailable},
};

/// The interval between two batches of writes to Redis.
const PUBLISH_INTERVAL: Duration = Duration::from_millis(25);
/// How many notes and streams are renewed by one pipeline.
const RENEWED_AT_ONCE: usize = 256;

/// All turns that run in this process, and the notes about those elsewhere.
pub struct Live {
    here: Mutex<HashMap<TurnId, Arc<Running>>>,
    redis: Option<RedisLink>,
    /// Turns that have ended and whose streams have not.
    ended: Mutex<Vec<Arc<Running>>>,
    /// Held while writing to streams.
    spreading: tokio::sync::Mutex<()>,
    /// Notified when a turn begins, or ends with its stream open.
    wakeup: Notify,
}

impl Live {
    pub fn new(redis: Option<RedisLink>) -> Self {
        Self {
            here: Mutex::default(),
            redis,
            ended: Mutex::default(),
            spreading: tokio::sync::Mutex::default(),
            wakeup: Notify::new(),
        }
    }

    /// Registers a turn as running here.
    pub fn begin(&self, note: RunningTurn, started: Started) -> Arc<Running> {
        let running = Arc::new(Running::new(note, started));
        self.here().insert(running.note.turn_id, Arc::clone(&running));
        self.wakeup.notify_one();
        running
    }

    /// Writes its note for other replicas. Without Redis, or while it is unavailable, only this one knows the turn.
    pub async fn publish(&self, running: &Running) {
        if let Some(redis) = &self.redis {
            notes::write(redis, &running.note).await;
        }
    }

    /// Removes the note. To be called once the end is stored.
    pub async fn retract(&self, user: UserId, turn: TurnId) {
        if let Some(redis) = &self.redis {
            notes::remove(redis, user, turn).await;
        }
    }

    /// Ends the log and removes the turn; `correction`: the stored text, where it differs from the emitted one.
    pub fn end(&self, running: &Arc<Running>, correction: Option<String>, last: TurnEvent) {
        self.here().remove(&running.note.turn_id);
        running.log.end(correction, last);
        if running.place().is_begun() {
            self.ended().push(Arc::clone(running));
            self.wakeup.notify_one();
        }
    }

    /// A turn that runs in this process.
    pub fn running(&self, id: TurnId) -> Option<Arc<Running>> {
        self.here().get(&id).map(Arc::clone)
    }

    /// All that runs in this process.
    pub fn all(&self) -> Vec<Arc<Running>> {
        self.here().values().map(Arc::clone).collect()
    }

    /// The drafts that are due, at most `most`.
    pub fn drafts(&self, most: usize) -> Vec<(Arc<Running>, Draft)> {
        let here = self.here();
        let drafts = here.values().filter_map(|turn| Some((Arc::clone(turn), turn.draft()?)));
        drafts.take(most).collect()
    }

    /// Publishes the logs of this process to Redis until dropped; returns at once without Redis.
    pub async fn publish_loop(&self) {
        while self.redis.is_some() {
            if self.count() == 0 && self.ended().is_empty() {
                self.wakeup.notified().await;
            }
            sleep(PUBLISH_INTERVAL).await;
            self.publish_once().await;
        }
    }

    /// Publishes what is new. Skipped while Redis is unavailable; readers elsewhere have the database.
    pub async fn publish_once(&self) {
        let Some(redis) = &self.redis else { return };
        let _one_at_a_time = self.spreading.lock().await;
        let ended = std::mem::take(&mut *self.ended());
        if !redis.is_up() {
            return;
        }
        let mut turns: Vec<Arc<Running>> =
            self.here().values().filter(|turn| turn.has_news()).map(Arc::clone).collect();
        turns.extend(ended.iter().map(Arc::clone));
        let mut batch = Batch::default();
        for turn in &turns {
            batch.add(turn);
            if batch.is_full() && std::mem::take(&mut batch).send(redis).await.is_err() {
                return;
            }
        }
        if batch.send(redis).await.is_ok() {
            self.ended().extend(ended.into_iter().filter(|turn| turn.place().lacks_its_end(&turn.log)));
        }
    }

    /// The entries that another process has published of a turn after a number; none without Redis.
    pub async fn read_stream(&self, turn: TurnId, after: u64) -> Result<Vec<StreamEntry>, Unavailable> {
        match &self.redis {
            Some(redis) => stream::read(redis, turn, after).await,
            None => Ok(Vec::new()),
        }
    }

    /// Seals the stream of a turn whose owner is gone: its later writes are refused.
    pub async fn seal(&self, turn: TurnId) {
        if let Some(redis) = &self.redis {
            stream::seal(redis, turn).await;
        }
    }

    /// Renews the notes of all turns that run here, and the expiry of their streams.
    pub async fn renew(&self) {
        let Some(redis) = &self.redis else { return };
        for turns in self.all().chunks(RENEWED_AT_ONCE) {
            let mut commands = redis::pipe();
            for turn in turns {
                notes::add(&mut commands, &turn.note);
                if turn.place().is_begun() {
                    stream::keep(&mut commands, turn.note.turn_id);
                }
            }
            redis.run(async |mut connection| commands.query_async::<()>(&mut connection).await).await.ok();
        }
    }

    /// A user's running turns, on all replicas; while Redis is unavailable, those of this process.
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

    /// The users whose turns run here.
    pub fn owners(&self) -> HashSet<UserId> {
        self.here().values().map(|running| running.note.user_id).collect()
    }

    /// Cancels a user's turns that run here.
    pub fn cancel_of(&self, user: UserId) {
        self.here().values().filter(|running| running.note.user_id == user).for_each(|running| running.cancel.cancel());
    }

    /// How many run here.
    pub fn count(&self) -> usize {
        self.here().len()
    }

    fn here(&self) -> MutexGuard<'_, HashMap<TurnId, Arc<Running>>> {
        self.here.lock()
    }

    fn ended(&self) -> MutexGuard<'_, Vec<Arc<Running>>> {
        self.ended.lock()
    }
}
