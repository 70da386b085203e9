//! In-process bus of revocations. News of a session, a key or an account means only that cached knowledge of it is
//! stale: its subscribers read again. Other subscribers, however many, pay nothing.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::{Duration, Instant},
};

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::{Notify, watch};
use uuid::Uuid;

/// How long a read is trusted. The rest of the promised second is for the request itself and for closing connections.
const TRUSTED_FOR: Duration = Duration::from_millis(800);
/// How long news is kept: longer than an earlier read can be cached.
const KEPT_FOR: Duration = Duration::from_secs(30);
/// The most subjects kept or delivered; more news concerns all.
pub(in crate::app) const MAX_SUBJECTS: usize = 10_000;

/// The known revocations, and their subscribers.
#[derive(Default)]
pub(in crate::app) struct RevocationBus {
    state: Mutex<State>,
    /// By subject; an entry lives as long as it has a subscriber.
    subscribers: Mutex<HashMap<Uuid, watch::Sender<()>>>,
    /// Wakes the reader of the feed after a local revocation.
    pub(in crate::app) wake: Notify,
}

#[derive(Default)]
struct State {
    /// When each subject last had news.
    of: HashMap<Uuid, Instant>,
    of_all: Option<Instant>,
    /// All changes up to this moment are known.
    complete_to: Option<Instant>,
}

impl RevocationBus {
    /// Whether a read of `read_at` is still valid: no news of the subjects since, and none can have been missed,
    /// because the feed is followed or the read is recent.
    pub(in crate::app) fn confirm(&self, read_at: Instant, subjects: &[Uuid]) -> bool {
        let state = self.state();
        let known_at = state.complete_to.map_or(read_at, |to| to.max(read_at));
        let is_older = |published: &Instant| read_at <= *published;
        known_at.elapsed() < TRUSTED_FOR
            && !state.of_all.as_ref().is_some_and(is_older)
            && !subjects.iter().filter_map(|subject| state.of.get(subject)).any(is_older)
    }

    /// Publishes a local revocation after its commit.
    pub(in crate::app) fn publish(&self, subject: impl Into<Uuid>) {
        self.deliver(&HashSet::from([subject.into()]));
        self.wake.notify_one();
    }

    pub(in crate::app) fn publish_all(&self) {
        let mut state = self.state();
        state.of_all = Some(Instant::now());
        state.of.clear();
        drop(state);
        self.subscribers().values().for_each(|subscribers| subscribers.send_replace(()));
        self.wake.notify_one();
    }

    pub(in crate::app) fn deliver(&self, subjects: &HashSet<Uuid>) {
        if subjects.len() >= MAX_SUBJECTS || self.state().of.len() + subjects.len() > MAX_SUBJECTS {
            return self.publish_all();
        }
        let now = Instant::now();
        self.state().of.extend(subjects.iter().map(|subject| (*subject, now)));
        let subscribers = self.subscribers();
        subjects
            .iter()
            .filter_map(|subject| subscribers.get(subject))
            .for_each(|subscribers| subscribers.send_replace(()));
    }

    /// Records that a statement begun at `began` has read the feed to its end.
    pub(in crate::app) fn caught_up_to(&self, began: Instant) {
        let mut state = self.state();
        state.complete_to = Some(began);
        state.of.retain(|_, at| at.elapsed() < KEPT_FOR);
    }

    pub(in crate::app) fn subscribe(self: &Arc<Self>, subjects: [Uuid; 2]) -> RevocationSubscription {
        let mut subscribers = self.subscribers();
        let receivers = subjects.map(|subject| subscribers.entry(subject).or_default().subscribe());
        RevocationSubscription { bus: Arc::clone(self), subjects, receivers }
    }

    /// Whether an open connection depends on it.
    pub(in crate::app) fn has_subscriber(&self, subject: Uuid) -> bool {
        self.subscribers().contains_key(&subject)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    fn subscribers(&self) -> MutexGuard<'_, HashMap<Uuid, watch::Sender<()>>> {
        self.subscribers.lock()
    }
}

/// A subscription to two subjects.
pub(in crate::app) struct RevocationSubscription {
    bus: Arc<RevocationBus>,
    subjects: [Uuid; 2],
    receivers: [watch::Receiver<()>; 2],
}

impl RevocationSubscription {
    pub(in crate::app) async fn next(&mut self) {
        let [one, other] = &mut self.receivers;
        tokio::select! {
            _ = one.changed() => {}
            _ = other.changed() => {}
        }
    }
}

impl Drop for RevocationSubscription {
    fn drop(&mut self) {
        let mut subscribers = self.bus.subscribers();
        for subject in self.subjects {
            // The own receiver is still counted.
            if subscribers.get(&subject).is_some_and(|subscribers| subscribers.receiver_count() <= 1) {
                subscribers.remove(&subject);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bus_caught_up_now() -> Arc<RevocationBus> {
        let news = Arc::new(RevocationBus::default());
        news.caught_up_to(Instant::now());
        news
    }

    #[test]
    fn what_was_read_before_the_news_is_not_trusted() {
        let (news, ada, bob) = (bus_caught_up_now(), Uuid::now_v7(), Uuid::now_v7());
        let before = Instant::now();
        assert!(news.confirm(before, &[ada]));
        news.publish(ada);
        assert!(!news.confirm(before, &[bob, ada]) && news.confirm(before, &[bob]));
        news.caught_up_to(Instant::now());
        assert!(news.confirm(Instant::now(), &[ada]), "read after the news");
        let before = Instant::now();
        news.publish_all();
        assert!(!news.confirm(before, &[bob]));
    }

    #[test]
    fn without_a_feed_only_young_readings_are_trusted() {
        let news = RevocationBus::default();
        let Some(old) = Instant::now().checked_sub(TRUSTED_FOR) else { return };
        assert!(news.confirm(Instant::now(), &[]) && !news.confirm(old, &[]));
        news.caught_up_to(old);
        assert!(!news.confirm(old, &[]), "the feed has not been read for too long");
        news.caught_up_to(Instant::now());
        assert!(news.confirm(old, &[]), "nothing has happened since");
    }

    #[test]
    fn more_news_than_can_be_kept_concerns_all_subjects() {
        let news = bus_caught_up_now();
        let before = Instant::now();
        for _ in 0..=MAX_SUBJECTS {
            news.deliver(&HashSet::from([Uuid::now_v7()]));
        }
        assert!(!news.confirm(before, &[Uuid::now_v7()]));
        assert!(news.state().of.len() <= MAX_SUBJECTS);
    }

    #[tokio::test]
    async fn a_listener_hears_its_subjects_and_leaves_nothing() {
        let (news, ada, session) = (bus_caught_up_now(), Uuid::now_v7(), Uuid::now_v7());
        let mut listener = news.subscribe([ada, session]);
        let other = news.subscribe([ada, Uuid::now_v7()]);
        news.publish(session);
        listener.next().await;
        news.publish(ada);
        listener.next().await;
        news.publish(Uuid::now_v7());
        assert!(tokio::time::timeout(Duration::from_millis(20), listener.next()).await.is_err());
        assert_eq!(news.subscribers().len(), 3);
        drop(listener);
        assert_eq!(news.subscribers().len(), 2);
        drop(other);
        assert!(news.subscribers().is_empty());
    }
}
