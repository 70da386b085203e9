//! Idempotency keys: a repeated request with the same key, here or on another replica, finds the turn that the first
//! one started. The statement that stores a turn refuses an existing key, so the check costs the first request nothing;
//! only a refused request reads the reason.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::OwnedMutexGuard;

use super::{admission::AdmittedTurn, request::TurnRequest, subscription::Accepted};
use crate::{
    app::{App, Caller, Error, Origin, Result},
    clock,
    model::{IdempotencyKey, UserId},
    store::KeyedTurn,
};

/// How long a key is kept.
const KEY_LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);

/// The admission of a request.
pub(in crate::app) enum Admission {
    New(Box<AdmittedTurn>),
    /// Its turn exists already.
    Repeated(Box<Accepted>),
}

/// Queues of requests with the same key, so that in this process only the first takes from the limits.
#[derive(Default)]
pub(in crate::app) struct KeyQueues(Mutex<HashMap<Named, Queue>>);

type Named = (UserId, IdempotencyKey);
type Queue = Arc<tokio::sync::Mutex<()>>;

/// The head of a queue.
struct QueueTurn {
    queues: Arc<KeyQueues>,
    named: Named,
    /// `None` only while it is dropped.
    head: Option<OwnedMutexGuard<()>>,
    has_waited: bool,
}

impl KeyQueues {
    async fn wait(self: &Arc<Self>, named: Named) -> QueueTurn {
        let queue = Arc::clone(self.queues().entry(named.clone()).or_default());
        let mut queue_turn = QueueTurn { queues: Arc::clone(self), named, head: None, has_waited: false };
        queue_turn.head = match Arc::clone(&queue).try_lock_owned() {
            Ok(head) => Some(head),
            Err(_) => {
                queue_turn.has_waited = true;
                Some(queue.lock_owned().await)
            }
        };
        queue_turn
    }

    fn queues(&self) -> MutexGuard<'_, HashMap<Named, Queue>> {
        self.0.lock()
    }
}

impl Drop for QueueTurn {
    fn drop(&mut self) {
        let mut queues = self.queues.queues();
        drop(self.head.take());
        // Waiting requests hold it too.
        if queues.get(&self.named).is_some_and(|queue| Arc::strong_count(queue) == 1) {
            queues.remove(&self.named);
        }
    }
}

impl App {
    /// Admits a message, or finds the turn that the same request has started before.
    pub(in crate::app) async fn admit_once(
        self: &Arc<Self>,
        caller: &Caller,
        request: TurnRequest,
        origin: &Origin,
        since: Instant,
    ) -> Result<Admission> {
        let Some(key) = request.key().cloned() else {
            return self.admit(caller, request, origin, since).await.map(|admitted| Admission::New(Box::new(admitted)));
        };
        let queue_turn = self.turns.key_queues.wait((caller.user().id, key)).await;
        if queue_turn.has_waited
            && let Some(Found::Turn(accepted)) = self.find(caller, &request, origin).await?
        {
            return Ok(Admission::Repeated(accepted));
        }
        loop {
            let refusal = match self.admit(caller, request.clone(), origin, since).await {
                Ok(admitted) => return Ok(Admission::New(Box::new(admitted))),
                Err(refusal @ (Error::Draining | Error::DatabaseUnavailable(_))) => return Err(refusal),
                Err(refusal) => refusal,
            };
            match self.find(caller, &request, origin).await? {
                Some(Found::Turn(accepted)) => return Ok(Admission::Repeated(accepted)),
                Some(Found::Freed) => {}
                None => return Err(refusal),
            }
        }
    }

    /// Errors: the key belongs to another request, or its turn cannot be replayed.
    async fn find(self: &Arc<Self>, caller: &Caller, request: &TurnRequest, origin: &Origin) -> Result<Option<Found>> {
        let user = caller.user().id;
        let key = request.key().expect("only requests with a key are looked for");
        let Some(KeyedTurn { id, request_hash, created_at }) = self.store.keyed_turn(user, key).await? else {
            return Ok(None);
        };
        if created_at < clock::now() - KEY_LIFETIME {
            self.store.free_key(id).await?;
            return Ok(Some(Found::Freed));
        }
        if request_hash != request.fingerprint() {
            return Err(Error::KeyReused);
        }
        let turn = self.owned_turn(user, id).await?;
        let subscription = self.follow_owned(caller, id, 0).await?;
        Ok(Some(Found::Turn(Box::new(Accepted::again(&turn, request, subscription, origin)))))
    }

    /// Frees the expired keys.
    pub(in crate::app) async fn sweep_keys(&self) {
        self.store.sweep_keys(clock::now() - KEY_LIFETIME).await.ok();
    }
}

enum Found {
    Turn(Box<Accepted>),
    /// The key had expired, and is free.
    Freed,
}
