//! Revocation reaches every connection of every process within a second. Each change that ends something leaves a row
//! (`store::revocations`); each serving process reads on from the last one it has seen, a few times a second, by one
//! statement whose cost does not grow with the number of connections, and tells the `news` to whom it concerns.

use std::{
    collections::{HashSet, VecDeque},
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::time::sleep;
use uuid::Uuid;

use super::revocation_bus::MAX_SUBJECTS;
use crate::{
    app::{App, Caller, Error},
    model::UserId,
    store,
};

/// Between two looks at the feed.
const POLL_INTERVAL: Duration = Duration::from_millis(300);
/// After such a gap rows may have been removed unseen: half of what they are kept for.
const LONGEST_GAP: Duration = Duration::from_secs(30 * 60);
/// How long rows are kept.
pub(in crate::app) const KEPT_ROWS_FOR: Duration = Duration::from_secs(60 * 60);
/// An end that lies further off is looked at again then.
const LONGEST_SLEEP: Duration = Duration::from_secs(24 * 60 * 60);
const RETRY_PAUSE: Duration = Duration::from_millis(200);
/// From a revocation on, connections are closed within this time. The turns of an account that is gone are cancelled after
/// it, so that no connection is told of their end.
const CLOSED_WITHIN: Duration = Duration::from_secs(1);
/// Where the database comes back slowly, closing takes longer; so much longer is waited for.
const CLOSING_TAKES: Duration = Duration::from_secs(4);

/// Where a process is in the feed.
#[derive(Default)]
pub(in crate::app) struct FeedPosition {
    last: Option<i64>,
    read_at: Option<Instant>,
    is_failing: bool,
    /// The subjects of what was read (`None`: all), and from when on the turns of those are cancelled whose account is gone.
    pending: VecDeque<(Instant, Option<HashSet<Uuid>>)>,
}

impl App {
    /// Resolves when the caller's login or key ends, by its expiry or because somebody ended it, or their account; never
    /// for the operator. While nobody can say, it waits.
    pub fn until_revoked(self: &Arc<Self>, caller: &Caller) -> impl Future<Output = ()> + Send + use<> {
        let (app, caller) = (Arc::clone(self), caller.clone());
        // From now on, so that nothing is missed between here and the first poll.
        let listener = caller.subjects().map(|subjects| app.revocation_bus.subscribe(subjects));
        async move {
            let Some(mut listener) = listener else { return std::future::pending().await };
            loop {
                // Boxed, because it is large, and every open connection waits here.
                let pause = match Box::pin(app.stands_until(&caller)).await {
                    Ok(end) => (end - app.store.now()).to_std().unwrap_or_default().min(LONGEST_SLEEP),
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
    pub(in crate::app) async fn follow_revocations(self: Arc<Self>) {
        let mut position = FeedPosition::default();
        loop {
            self.read_revocations(&mut position).await;
            tokio::select! {
                () = sleep(POLL_INTERVAL) => {}
                () = self.revocation_bus.wake.notified() => {}
                () = self.halted.cancelled() => return,
            }
        }
    }

    async fn read_revocations(&self, position: &mut FeedPosition) {
        let began = Instant::now();
        match self.read_feed(position).await {
            Ok(is_complete) => {
                if std::mem::take(&mut position.is_failing) {
                    tracing::info!("the database is back");
                }
                if is_complete {
                    self.revocation_bus.caught_up_to(began);
                    position.read_at = Some(began);
                }
            }
            Err(error) => {
                if !std::mem::replace(&mut position.is_failing, true) {
                    tracing::warn!(%error, "the database is away; until it is back nothing known of logins and keys is trusted");
                }
            }
        }
    }

    /// `true` when there is no more.
    async fn read_feed(&self, position: &mut FeedPosition) -> Result<bool, store::Error> {
        self.cancel_turns_of_gone(position).await?;
        let has_gap = position.read_at.is_none_or(|read_at| read_at.elapsed() > LONGEST_GAP);
        let Some(last) = position.last.filter(|_| !has_gap) else {
            let newest = self.store.last_revocation().await?;
            self.revocation_bus.publish_all();
            position.pending.push_back((Instant::now() + CLOSED_WITHIN, None));
            position.last = Some(newest);
            return Ok(true);
        };
        let news = self.store.revocations(last, MAX_SUBJECTS).await?;
        if let Some(newest) = news.last() {
            let subjects: HashSet<Uuid> = news.iter().map(|one| one.subject).collect();
            self.revocation_bus.deliver(&subjects);
            position.pending.push_back((Instant::now() + CLOSED_WITHIN, Some(subjects)));
            position.last = Some(newest.audit_id);
        }
        Ok(news.len() < MAX_SUBJECTS)
    }

    /// A turn outlives connections and logins, but not its account: of a deleted one there is nowhere to store it, and a
    /// disabled one must not cost any more.
    async fn cancel_turns_of_gone(&self, position: &mut FeedPosition) -> Result<(), store::Error> {
        while let Some((from, subjects)) = position.pending.front()
            && *from <= Instant::now()
        {
            let is_named =
                |owner: &UserId| subjects.as_ref().is_none_or(|subjects| subjects.contains(&(*owner).into()));
            for owner in self.live.owners().into_iter().filter(is_named) {
                let account = self.store.account(owner).await?;
                if account.is_some_and(|account| account.user.enabled) {
                    continue;
                }
                if self.revocation_bus.has_subscriber(owner.into()) && from.elapsed() < CLOSING_TAKES {
                    return Ok(());
                }
                self.live.cancel_of(owner);
            }
            position.pending.pop_front();
        }
        Ok(())
    }
}
