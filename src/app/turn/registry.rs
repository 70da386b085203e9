//! The running turns of this process, and the requests that wait for one with the same idempotency key.

use std::{collections::HashSet, sync::Arc};

use super::idempotency::KeyQueues;
use crate::{live::Live, model::UserId, redis::RedisLink};

/// The turns of this process.
pub(in crate::app) struct Turns {
    pub(super) live: Live,
    pub(super) key_queues: Arc<KeyQueues>,
}

impl Turns {
    pub(in crate::app) fn new(redis: Option<RedisLink>) -> Self {
        Self { live: Live::new(redis), key_queues: Arc::default() }
    }

    /// How many run.
    pub(in crate::app) fn count(&self) -> usize {
        self.live.count()
    }

    /// The users whose turns run.
    pub(in crate::app) fn owners(&self) -> HashSet<UserId> {
        self.live.owners()
    }

    /// Cancels a user's turns.
    pub(in crate::app) fn cancel_of(&self, user: UserId) {
        self.live.cancel_of(user);
    }

    pub(in crate::app) fn cancel_all(&self) {
        self.live.cancel_all();
    }

    /// Publishes the running turns to the other replicas until dropped; returns at once without Redis.
    pub(in crate::app) async fn publish_loop(&self) {
        self.live.publish_loop().await;
    }

    /// Renews the notes by which other replicas know the running turns.
    pub(in crate::app) async fn renew_notes(&self) {
        self.live.renew().await;
    }

    /// Publishes what the last turns have left to publish.
    pub(in crate::app) async fn publish_rest(&self) {
        self.live.publish_once().await;
    }
}
