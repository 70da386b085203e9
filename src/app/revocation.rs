//! Revocation reaches every connection of every process within a second. Each change that ends something leaves a row
//! (`store::revocations`); each serving process reads on from the last one it has seen, a few times a second, by one
//! statement whose cost does not grow with the number of connections. News about a session, a key or an account means
//! only that what is known about it is out of date: whoever depends on it looks again.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard},
    time::{Duration, Instant},
};

use tokio::{
    sync::{Notify, watch},
    time::sleep,
};
use uuid::Uuid;

use super::{App, Caller, Error};
use crate::{clock, store};

/// Between two looks at the feed.
const READ_EVERY: Duration = Duration::from_millis(300);
/// Of the second that is promised, the rest is for the request itself and for closing what has to be closed.
const TRUSTED_FOR: Duration = Duration::from_millis(800);
/// Longer than anything that was read before the news can still be remembered.
const KEPT_FOR: Duration = Duration::from_secs(30);
/// News of more subjects than this, or at once, concerns everybody.
const MOST_NEWS: usize = 10_000;
/// After such a gap rows may have been removed unseen: half of what they are kept for.
const LONGEST_GAP: Duration = Duration::from_secs(30 * 60);
/// How long rows are kept.
pub(super) const KEPT_ROWS_FOR: Duration = Duration::from_secs(60 * 60);
/// An end that lies further off is looked at again then.
const LONGEST_SLEEP: Duration = Duration::from_secs(24 * 60 * 60);
const RETRY_PAUSE: Duration = Duration::from_millis(200);

/// What was heard of revocations, and who waits for it.
#[derive(Default)]
pub(super) struct News {
    heard: Mutex<Heard>,
    /// By subject; an entry lives as long as somebody waits on it.
    waiting: Mutex<HashMap<Uuid, watch::Sender<()>>>,
    /// Something has just ended here: read at once.
    hurry: Notify,
}

#[derive(Default)]
struct Heard {
    /// When each subject was last spoken of.
    of: HashMap<Uuid, Instant>,
    of_everybody: Option<Instant>,
    /// All changes up to this moment are known.
    complete_to: Option<Instant>,
}

impl News {
    /// Whether what was read at `read_at` still holds: nothing was heard of the subjects since, and nothing can have been
    /// missed, because the feed is followed or the reading is young.
    pub(super) fn confirm(&self, read_at: Instant, subjects: &[Uuid]) -> bool {
        let heard = self.heard();
        let known_at = heard.complete_to.map_or(read_at, |to| to.max(read_at));
        let is_older = |news: &Instant| read_at <= *news;
        known_at.elapsed() < TRUSTED_FOR
            && !heard.of_everybody.as_ref().is_some_and(is_older)
            && !subjects.iter().filter_map(|subject| heard.of.get(subject)).any(is_older)
    }

    /// Something has ended here, and is committed.
    pub(super) fn tell(&self, subject: impl Into<Uuid>) {
        self.hear(&[subject.into()]);
        self.hurry.notify_one();
    }

    pub(super) fn tell_everybody(&self) {
        let mut heard = self.heard();
        heard.of_everybody = Some(Instant::now());
        heard.of.clear();
        drop(heard);
        self.waiting().values().for_each(|waiting| waiting.send_replace(()));
        self.hurry.notify_one();
    }

    fn hear(&self, subjects: &[Uuid]) {
        if subjects.len() >= MOST_NEWS || self.heard().of.len() + subjects.len() > MOST_NEWS {
            return self.tell_everybody();
        }
        let now = Instant::now();
        self.heard().of.extend(subjects.iter().map(|subject| (*subject, now)));
        let waiting = self.waiting();
        subjects.iter().filter_map(|subject| waiting.get(subject)).for_each(|waiting| waiting.send_replace(()));
    }

    /// The feed was read to its end by a statement that began at `began`.
    fn is_complete_to(&self, began: Instant) {
        let mut heard = self.heard();
        heard.complete_to = Some(began);
        heard.of.retain(|_, at| at.elapsed() < KEPT_FOR);
    }

    fn listen(self: &Arc<Self>, subjects: [Uuid; 2]) -> Listener {
        let mut waiting = self.waiting();
        let ears = subjects.map(|subject| waiting.entry(subject).or_default().subscribe());
        Listener { news: Arc::clone(self), subjects, ears }
    }

    fn heard(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().expect("nobody panics while holding it")
    }

    fn waiting(&self) -> MutexGuard<'_, HashMap<Uuid, watch::Sender<()>>> {
        self.waiting.lock().expect("nobody panics while holding it")
    }
}

/// Hears what is said of two subjects.
struct Listener {
    news: Arc<News>,
    subjects: [Uuid; 2],
    ears: [watch::Receiver<()>; 2],
}

impl Listener {
    async fn next(&mut self) {
        let [one, other] = &mut self.ears;
        tokio::select! {
            _ = one.changed() => {}
            _ = other.changed() => {}
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let mut waiting = self.news.waiting();
        for subject in self.subjects {
            // This one's own ear is still counted.
            if waiting.get(&subject).is_some_and(|waiting| waiting.receiver_count() <= 1) {
                waiting.remove(&subject);
            }
        }
    }
}

/// Where a process is in the feed.
#[derive(Default)]
pub(super) struct Place {
    last: Option<i64>,
    read_at: Option<Instant>,
    is_failing: bool,
}

impl App {
    /// Resolves when the caller's login or key ends, by its expiry or because somebody ended it, or their account; never
    /// for the operator. While nobody can say, it waits.
    pub fn until_revoked(self: &Arc<Self>, caller: &Caller) -> impl Future<Output = ()> + Send + use<> {
        let (app, caller) = (Arc::clone(self), caller.clone());
        // From now on, so that nothing is missed between here and the first poll.
        let listener = caller.subjects().map(|subjects| app.news.listen(subjects));
        async move {
            let Some(mut listener) = listener else { return std::future::pending().await };
            loop {
                let pause = match app.stands_until(&caller).await {
                    Ok(end) => (end - clock::now()).to_std().unwrap_or_default().min(LONGEST_SLEEP),
                    Err(Error::Unauthenticated(_)) => return,
                    Err(_) => RETRY_PAUSE,
                };
                tokio::select! {
                    () = listener.next() => {}
                    () = sleep(pause) => {}
                }
            }
        }
    }

    /// Reads on, again and again, for as long as the process serves.
    pub(super) async fn follow_revocations(self: Arc<Self>) {
        let mut place = Place::default();
        loop {
            self.read_revocations(&mut place).await;
            tokio::select! {
                () = sleep(READ_EVERY) => {}
                () = self.news.hurry.notified() => {}
                () = self.halted.cancelled() => return,
            }
        }
    }

    async fn read_revocations(&self, place: &mut Place) {
        let began = Instant::now();
        match self.news_since(place).await {
            Ok(is_complete) => {
                if std::mem::take(&mut place.is_failing) {
                    tracing::info!("revocations can be read again");
                }
                if is_complete {
                    self.news.is_complete_to(began);
                    place.read_at = Some(began);
                }
            }
            Err(error) => {
                if !std::mem::replace(&mut place.is_failing, true) {
                    tracing::warn!(%error, "revocations cannot be read; every login and key is looked up until they can");
                }
            }
        }
    }

    /// `true` when there is no more.
    async fn news_since(&self, place: &mut Place) -> Result<bool, store::Error> {
        let has_gap = place.read_at.is_none_or(|read_at| read_at.elapsed() > LONGEST_GAP);
        let Some(last) = place.last.filter(|_| !has_gap) else {
            place.last = Some(self.store.last_revocation().await?);
            self.news.tell_everybody();
            return Ok(true);
        };
        let news = self.store.revocations(last, MOST_NEWS).await?;
        if let Some(newest) = news.last() {
            place.last = Some(newest.audit_id);
            let subjects: Vec<Uuid> = news.iter().map(|one| one.subject).collect();
            self.news.hear(&subjects);
        }
        Ok(news.len() < MOST_NEWS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn news_complete_now() -> Arc<News> {
        let news = Arc::new(News::default());
        news.is_complete_to(Instant::now());
        news
    }

    #[test]
    fn what_was_read_before_the_news_is_not_trusted() {
        let (news, ada, bob) = (news_complete_now(), Uuid::now_v7(), Uuid::now_v7());
        let before = Instant::now();
        assert!(news.confirm(before, &[ada]));
        news.tell(ada);
        assert!(!news.confirm(before, &[bob, ada]) && news.confirm(before, &[bob]));
        news.is_complete_to(Instant::now());
        assert!(news.confirm(Instant::now(), &[ada]), "read after the news");
        let before = Instant::now();
        news.tell_everybody();
        assert!(!news.confirm(before, &[bob]));
    }

    #[test]
    fn without_a_feed_only_young_readings_are_trusted() {
        let news = News::default();
        let Some(old) = Instant::now().checked_sub(TRUSTED_FOR) else { return };
        assert!(news.confirm(Instant::now(), &[]) && !news.confirm(old, &[]));
        news.is_complete_to(old);
        assert!(!news.confirm(old, &[]), "the feed has not been read for too long");
        news.is_complete_to(Instant::now());
        assert!(news.confirm(old, &[]), "nothing has happened since");
    }

    #[test]
    fn more_news_than_can_be_kept_concerns_everybody() {
        let news = news_complete_now();
        let before = Instant::now();
        for _ in 0..=MOST_NEWS {
            news.hear(&[Uuid::now_v7()]);
        }
        assert!(!news.confirm(before, &[Uuid::now_v7()]));
        assert!(news.heard().of.len() <= MOST_NEWS);
    }

    #[tokio::test]
    async fn a_listener_hears_its_subjects_and_leaves_nothing_behind() {
        let (news, ada, session) = (news_complete_now(), Uuid::now_v7(), Uuid::now_v7());
        let mut listener = news.listen([ada, session]);
        let other = news.listen([ada, Uuid::now_v7()]);
        news.tell(session);
        listener.next().await;
        news.tell(ada);
        listener.next().await;
        news.tell(Uuid::now_v7());
        assert!(tokio::time::timeout(Duration::from_millis(20), listener.next()).await.is_err());
        assert_eq!(news.waiting().len(), 3);
        drop(listener);
        assert_eq!(news.waiting().len(), 2);
        drop(other);
        assert!(news.waiting().is_empty());
    }
}
