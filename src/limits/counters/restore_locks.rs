//! Locks for restoring a subject once (`restoring`). Many requests may find at the same moment that a subject's counters are
//! incomplete; one of them reads what is stored, which costs the database, and the others wait for it.

#![cfg_attr(test, expect(clippy::disallowed_methods, reason = "tests run tasks side by side"))]

use std::{
    collections::BTreeSet,
    hash::{BuildHasher, RandomState},
};

use tokio::sync::{Mutex, MutexGuard};

use crate::limits::Subject;

/// Subjects share a lock by their hash, so that the locks are bounded; a request that waits in vain only looks once more.
const LOCKS: usize = 64;

pub(super) struct RestoreLocks {
    locks: [Mutex<()>; LOCKS],
    hasher: RandomState,
}

impl Default for RestoreLocks {
    fn default() -> Self {
        Self { locks: [const { Mutex::const_new(()) }; LOCKS], hasher: RandomState::new() }
    }
}

impl RestoreLocks {
    /// `None`, after another request has restored one of the subjects: the caller has to look at the counters again.
    pub(super) async fn begin<'s>(
        &self,
        subjects: impl IntoIterator<Item = &'s Subject>,
    ) -> Option<Vec<MutexGuard<'_, ()>>> {
        let places: BTreeSet<usize> =
            subjects.into_iter().map(|subject| (self.hasher.hash_one(subject) % LOCKS as u64) as usize).collect();
        let mut reservation = Vec::with_capacity(places.len());
        for place in places {
            let Ok(guard) = self.locks[place].try_lock() else {
                // The request that holds that lock may want one of these.
                drop(reservation);
                drop(self.locks[place].lock().await);
                return None;
            };
            reservation.push(guard);
        }
        Some(reservation)
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use super::*;
    use crate::model::UserId;

    #[tokio::test]
    async fn one_restores_and_the_others_wait() {
        let (locks, ada) = (Arc::new(RestoreLocks::default()), Subject::User(UserId::new()));
        let reservation = locks.begin([&ada, &ada]).await.expect("no other restores it");
        let waiting: Vec<_> = (0..8)
            .map(|_| {
                let (locks, ada) = (Arc::clone(&locks), ada.clone());
                tokio::spawn(async move { locks.begin([&ada]).await.is_some() })
            })
            .collect();
        tokio::time::sleep(Duration::from_millis(5)).await;
        assert!(waiting.iter().all(|one| !one.is_finished()));
        drop(reservation);
        for one in waiting {
            assert!(!one.await.unwrap(), "it has been restored meanwhile");
        }
        assert!(locks.begin([&ada]).await.is_some());
    }
}
