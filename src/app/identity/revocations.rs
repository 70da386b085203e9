//! The revocation feed: a revocation reaches every connection of every process within a second. Each one leaves a row
//! (`store::revocations`); each serving process polls the rows after the last it has seen, a few times a second, by one
//! statement whose cost does not grow with the number of connections, and delivers them to the `revocation_bus`.

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

/// Between two polls of the feed.
const POLL_INTERVAL: Duration = Duration::from_millis(300);
/// After a longer gap rows may have been removed unread: half of the time they are kept.
const LONGEST_GAP: Duration = Duration::from_secs(30 * 60);
/// How long rows are kept.
pub(in crate::app) const KEPT_ROWS_FOR: Duration = Duration::from_secs(60 * 60);
/// The longest sleep before an expiry is checked again.
const LONGEST_SLEEP: Duration = Duration::from_secs(24 * 60 * 60);
const RETRY_PAUSE: Duration = Duration::from_millis(200);
/// Connections are closed within this time after a revocation. The turns of a deleted or disabled account are cancelled
/// after it, so that no connection sees their end.
const CLOSED_WITHIN: Duration = Duration::from_secs(1);
/// How much longer closing may take where the database recovers slowly.
const CLOSING_TAKES: Duration = Duration::from_secs(4);

/// The position of a process in the feed.
#[derive(Default)]
pub(in crate::app) struct FeedPosition {
    last: Option<i64>,
    read_at: Option<Instant>,
    is_failing: bool,
    /// The subjects of each poll (`None`: all), and when their turns are cancelled if their account is deleted or
    /// disabled.
    pending: VecDeque<(Instant, Option<HashSet<Uuid>>)>,
}

impl App {
    /// Resolves when the caller's session or key expires, or when it or its account is revoked; never for the operator.
    /// While the database is unavailable, it waits.
    pub fn until_revoked(self: &Arc<Self>, caller: &Caller) -> impl Future<Output = ()> + Send + use<> {
        let (app, caller) = (Arc::clone(self), caller.clone());
        // Subscribes first, so that nothing is missed before the first poll.
        let listener = caller.subjects().map(|subjects| app.identity.revocation_bus.subscribe(subjects));
        async move {
            let Some(mut listener) = listener else { return std::future::pending().await };
            loop {
                // Boxed, because it is large, and every open connection waits here.
                let pause = match Box::pin(app.valid_until(&caller)).await {
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

    /// Polls the feed until the process stops.
    pub(in crate::app) async fn follow_revocations(self: Arc<Self>) {
        let mut position = FeedPosition::default();
        loop {
            self.read_revocations(&mut position).await;
            tokio::select! {
                () = sleep(POLL_INTERVAL) => {}
                () = self.identity.revocation_bus.wake.notified() => {}
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
                    self.identity.revocation_bus.caught_up_to(began);
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

    /// Reads the feed; `true` at its end.
    async fn read_feed(&self, position: &mut FeedPosition) -> Result<bool, store::Error> {
        self.cancel_turns_of_gone(position).await?;
        let has_gap = position.read_at.is_none_or(|read_at| read_at.elapsed() > LONGEST_GAP);
        let Some(last) = position.last.filter(|_| !has_gap) else {
            let newest = self.store.last_revocation().await?;
            self.identity.revocation_bus.publish_all();
            position.pending.push_back((Instant::now() + CLOSED_WITHIN, None));
            position.last = Some(newest);
            return Ok(true);
        };
        let news = self.store.revocations(last, MAX_SUBJECTS).await?;
        if let Some(newest) = news.last() {
            let subjects: HashSet<Uuid> = news.iter().map(|one| one.subject).collect();
            self.identity.revocation_bus.deliver(&subjects);
            position.pending.push_back((Instant::now() + CLOSED_WITHIN, Some(subjects)));
            position.last = Some(newest.audit_id);
        }
        Ok(news.len() < MAX_SUBJECTS)
    }

    /// Cancels the turns of deleted and disabled accounts. Turns outlive connections and sessions, but the former have
    /// nowhere to be stored, and the latter must not cost any more.
    async fn cancel_turns_of_gone(&self, position: &mut FeedPosition) -> Result<(), store::Error> {
        while let Some((from, subjects)) = position.pending.front()
            && *from <= Instant::now()
        {
            let is_named =
                |owner: &UserId| subjects.as_ref().is_none_or(|subjects| subjects.contains(&(*owner).into()));
            for owner in self.turns.owners().into_iter().filter(is_named) {
                let account = self.store.account(owner).await?;
                if account.is_some_and(|account| account.user.enabled) {
                    continue;
                }
                if self.identity.revocation_bus.has_subscriber(owner.into()) && from.elapsed() < CLOSING_TAKES {
                    return Ok(());
                }
                self.turns.cancel_of(owner);
            }
            position.pending.pop_front();
        }
        Ok(())
    }
}
