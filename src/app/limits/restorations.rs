//! Which subjects this process is restoring (`restoring`). Many requests may find at the same moment that a subject's counters
//! are incomplete; one of them reads what is stored, which costs the database, and the others wait for it.

use std::{
    collections::BTreeSet,
    hash::{BuildHasher, RandomState},
};

use tokio::sync::{Mutex, MutexGuard};

use crate::limits::Subject;

/// Subjects share a lock by their hash, so that the locks are bounded; a request that waits in vain only looks once more.
const LOCKS: usize = 64;

pub(in crate::app) struct Restorations {
    locks: [Mutex<()>; LOCKS],
    hasher: RandomState,
}

impl Default for Restorations {
    fn default() -> Self {
        Self { locks: [const { Mutex::const_new(()) }; LOCKS], hasher: RandomState::new() }
    }
}

impl Restorations {
    /// `None`, after another request has restored one of the subjects: the caller has to look at the counters again.
    pub(in crate::app) async fn begin<'s>(
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
        let (restorations, ada) = (Arc::new(Restorations::default()), Subject::User(UserId::new()));
        let reservation = restorations.begin([&ada, &ada]).await.expect("no other restores it");
        let waiting: Vec<_> = (0..8)
            .map(|_| {
                let (restorations, ada) = (Arc::clone(&restorations), ada.clone());
                tokio::spawn(async move { restorations.begin([&ada]).await.is_some() })
            })
            .collect();
        tokio::time::sleep(Duration::from_millis(5)).await;
        assert!(waiting.iter().all(|one| !one.is_finished()));
        drop(reservation);
        for one in waiting {
            assert!(!one.await.unwrap(), "it has been restored meanwhile");
        }
        assert!(restorations.begin([&ada]).await.is_some());
    }
}
