//! Wait times of a request or a turn: number and total per kind, for its log line, which so shows where the time went.
//! A tally belongs to a task and everything that task awaits; without one, nothing is counted.

#![cfg_attr(test, expect(clippy::disallowed_methods, reason = "tests run tasks side by side"))]

use std::{
    sync::{Arc, LazyLock},
    time::{Duration, Instant},
};

use parking_lot::Mutex;

tokio::task_local! {
    static TALLY: Arc<Waits>;
}

/// The origin of times, which are kept in nanoseconds.
static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// The kinds of waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Awaited {
    /// One call is one round trip, except inside a transaction on SQLite, which has none.
    Database,
    Redis,
    /// One call is one attempt.
    Provider,
    /// The pause before another attempt.
    Retry,
    /// For a slot of a provider with bounded concurrency. It is a part of the call.
    Queue,
}

/// One tally. A turn's is nested in that of its request: its waits count for both.
#[derive(Debug, Default)]
pub struct Waits {
    spent: Mutex<[Spent; 5]>,
    parent: Option<Arc<Waits>>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Spent {
    calls: u32,
    running: u32,
    /// The sum of all ends less that of all beginnings; plus `running` times the present, the time spent so far.
    nanos: i64,
}

impl Waits {
    /// A new tally, nested in the calling task's, if it has one.
    pub fn inside() -> Arc<Self> {
        Arc::new(Self { spent: Mutex::default(), parent: Self::current() })
    }

    /// The tally of the calling task.
    pub fn current() -> Option<Arc<Self>> {
        TALLY.try_with(Arc::clone).ok()
    }

    /// Counts what `work` waits for.
    pub async fn during<T>(self: Arc<Self>, work: impl Future<Output = T>) -> T {
        TALLY.scope(self, work).await
    }

    pub fn calls(&self, awaited: Awaited) -> u32 {
        self.spent(awaited).calls
    }

    /// The total, with waits in progress. Two at once count twice.
    pub fn time(&self, awaited: Awaited) -> Duration {
        let spent = self.spent(awaited);
        let nanos = spent.nanos + i64::from(spent.running) * now();
        Duration::from_nanos(nanos.try_into().unwrap_or_default())
    }

    /// Our own share of a duration: without the provider's.
    pub fn own_share_of(&self, whole: Duration) -> Duration {
        whole.saturating_sub(self.time(Awaited::Provider)).saturating_sub(self.time(Awaited::Retry))
    }

    fn spent(&self, awaited: Awaited) -> Spent {
        self.spent.lock()[awaited as usize]
    }

    fn change(&self, awaited: Awaited, change: impl Fn(&mut Spent)) {
        let mut tally = Some(self);
        while let Some(waits) = tally {
            change(&mut waits.spent.lock()[awaited as usize]);
            tally = waits.parent.as_deref();
        }
    }
}

fn now() -> i64 {
    START.elapsed().as_nanos().try_into().unwrap_or(i64::MAX)
}

/// Runs `work`, and counts the time until it is done or dropped as waiting.
pub async fn waiting<T>(awaited: Awaited, work: impl Future<Output = T>) -> T {
    let _wait = Waits::current().map(|waits| Wait::begin(waits, awaited));
    work.await
}

struct Wait {
    waits: Arc<Waits>,
    awaited: Awaited,
}

impl Wait {
    fn begin(waits: Arc<Waits>, awaited: Awaited) -> Self {
        let began = now();
        waits.change(awaited, |spent| {
            spent.calls += 1;
            spent.running += 1;
            spent.nanos -= began;
        });
        Self { waits, awaited }
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        let ended = now();
        self.waits.change(self.awaited, |spent| {
            spent.running -= 1;
            spent.nanos += ended;
        });
    }
}

#[cfg(test)]
mod tests {
    use tokio::{sync::oneshot, time::sleep};

    use super::*;

    const LONG: Duration = Duration::from_millis(20);

    #[tokio::test]
    async fn what_is_awaited_is_counted_and_timed() {
        let waits = Waits::inside();
        let work = async {
            waiting(Awaited::Database, sleep(LONG)).await;
            waiting(Awaited::Database, async {}).await;
            sleep(LONG).await;
        };
        Arc::clone(&waits).during(work).await;
        assert_eq!((waits.calls(Awaited::Database), waits.calls(Awaited::Redis)), (2, 0));
        let spent = waits.time(Awaited::Database);
        assert!(spent >= LONG && waits.time(Awaited::Database) == spent, "{spent:?}");
    }

    #[tokio::test]
    async fn a_turn_counts_for_itself_and_for_its_request() {
        let request = Waits::inside();
        let turn = Arc::clone(&request).during(async { Waits::inside() }).await;
        waiting(Awaited::Redis, async {}).await;
        tokio::spawn(Arc::clone(&turn).during(waiting(Awaited::Redis, async {}))).await.unwrap();
        Arc::clone(&request).during(waiting(Awaited::Redis, async {})).await;
        assert_eq!((turn.calls(Awaited::Redis), request.calls(Awaited::Redis)), (1, 2));
    }

    #[tokio::test]
    async fn what_is_still_awaited_counts_until_it_is_dropped() {
        let (waits, (_never, pending)) = (Waits::inside(), oneshot::channel::<()>());
        let call = tokio::spawn(Arc::clone(&waits).during(waiting(Awaited::Provider, pending)));
        sleep(LONG).await;
        assert!(waits.time(Awaited::Provider) > Duration::ZERO);
        assert!(waits.own_share_of(LONG) < LONG);
        call.abort();
        call.await.unwrap_err();
        assert_eq!(waits.time(Awaited::Provider), waits.time(Awaited::Provider));
        assert_eq!(waits.own_share_of(Duration::ZERO), Duration::ZERO);
    }
}
