//! Group commit: works that arrive while a write is under way are written together by the next one. Under load, many
//! turns cost one round trip and one flush to the disk; a single turn waits for no other.

#![expect(clippy::disallowed_methods, reason = "a batch is written to its end though its callers may have left")]

use std::{sync::Arc, time::Duration};

use futures_util::future::{BoxFuture, FutureExt, join};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot},
    time::timeout,
};

use super::{Error, Outage, with_timeout};

/// The most works in one write.
const MAX_BATCH: usize = 128;
/// The capacity of the queue; more works wait to enter it.
const MAX_WAITING_WRITES: usize = 1024;
/// How long a write is awaited before the next begins beside it: one that hangs must not delay all others. What a write
/// costs hardly depends on its size, so two at once cost nearly twice as much.
const OVERLAP_AFTER: Duration = Duration::from_millis(20);
/// How many works may wait longer for a row that another transaction has locked, each with a connection to itself.
const MAX_LOCK_WAITERS: usize = 2;

/// How long a write may wait for a lock of another transaction (`Error::Locked` afterwards).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LockWait {
    /// A batch: its other works are not delayed for the one whose row is locked.
    Shared,
    /// A single work that is known to need a locked row.
    Alone,
    /// As long as any statement.
    Unbounded,
}

impl LockWait {
    /// PostgreSQL's `lock_timeout`, for the transaction. SQLite has one writer and no such waits.
    pub(super) const fn lock_timeout(self) -> &'static str {
        match self {
            Self::Shared => "50ms",
            Self::Alone => "3s",
            Self::Unbounded => "0",
        }
    }
}

/// A batcher of works of type `W`, each with a result of type `R`.
pub(super) struct WriteBatcher<W, R>(mpsc::Sender<Waiting<W, R>>);

struct Waiting<W, R> {
    work: Arc<W>,
    tell: oneshot::Sender<Result<R, Error>>,
}

impl<W, R> WriteBatcher<W, R>
where
    W: Send + Sync + 'static,
    R: Send + 'static,
{
    /// `write` returns each work's result at its index. A refused batch is written again in halves, and so on, so that
    /// one bad work costs the others time and nothing else. At most `lanes` writes are under way at once, and only
    /// where they are slow more than one.
    pub(super) fn new<F, Writing>(lanes: usize, write: F) -> Self
    where
        F: Fn(Vec<Arc<W>>, LockWait) -> Writing + Send + Sync + 'static,
        Writing: Future<Output = Result<Vec<R>, Error>> + Send + 'static,
    {
        let (sender, line) = mpsc::channel(MAX_WAITING_WRITES);
        tokio::spawn(write_in_turn(line, lanes, Arc::new(write)));
        Self(sender)
    }

    pub(super) async fn write(&self, work: W) -> Result<R, Error> {
        let (tell, told) = oneshot::channel();
        let closed = || Error::Unavailable(Outage::passing("it is being closed"));
        with_timeout(async {
            self.0.send(Waiting { work: Arc::new(work), tell }).await.map_err(|_| closed())?;
            told.await.unwrap_or_else(|_| Err(closed()))
        })
        .await
    }
}

/// Writes the waiting works in batches, until the batcher is dropped.
async fn write_in_turn<W, R, F, Writing>(mut line: mpsc::Receiver<Waiting<W, R>>, lanes: usize, write: Arc<F>)
where
    W: Send + Sync + 'static,
    R: Send + 'static,
    F: Fn(Vec<Arc<W>>, LockWait) -> Writing + Send + Sync + 'static,
    Writing: Future<Output = Result<Vec<R>, Error>> + Send + 'static,
{
    let lanes = Arc::new(Semaphore::new(lanes));
    let lock_waiters = Arc::new(Semaphore::new(MAX_LOCK_WAITERS));
    loop {
        let lane = Arc::clone(&lanes).acquire_owned().await.expect("the semaphore is never closed");
        let mut batch = Vec::new();
        if line.recv_many(&mut batch, MAX_BATCH).await == 0 {
            return;
        }
        // A caller that has stopped waiting was told that its write failed.
        batch.retain(|waiting| !waiting.tell.is_closed());
        if batch.is_empty() {
            continue;
        }
        let (write, lock_waiters) = (Arc::clone(&write), Arc::clone(&lock_waiters));
        let written = tokio::spawn(async move {
            let locked = write_batch(batch, &*write).await;
            drop(lane);
            for waiting in locked {
                tokio::spawn(write_alone(waiting, Arc::clone(&write), lock_waiters.clone().try_acquire_owned().ok()));
            }
        });
        timeout(OVERLAP_AFTER, written).await.ok();
    }
}

/// Writes a batch; returns the works that need a locked row, all others have their result.
fn write_batch<'a, W, R, F, Writing>(mut batch: Vec<Waiting<W, R>>, write: &'a F) -> BoxFuture<'a, Vec<Waiting<W, R>>>
where
    W: Send + Sync + 'static,
    R: Send + 'static,
    F: Fn(Vec<Arc<W>>, LockWait) -> Writing + Send + Sync,
    Writing: Future<Output = Result<Vec<R>, Error>> + Send,
{
    async move {
        match write(batch.iter().map(|waiting| Arc::clone(&waiting.work)).collect(), LockWait::Shared).await {
            Ok(answers) => {
                for (waiting, answer) in batch.into_iter().zip(answers) {
                    waiting.tell.send(Ok(answer)).ok();
                }
            }
            Err(Error::Unavailable(outage)) => tell_all(batch, || Error::Unavailable(outage.clone())),
            Err(Error::Unanswered(detail)) => tell_all(batch, || Error::Unanswered(detail.clone())),
            Err(Error::Locked(_)) if batch.len() == 1 => return batch,
            Err(error) if batch.len() == 1 => drop(batch.remove(0).tell.send(Err(error))),
            Err(_) => {
                let second = batch.split_off(batch.len() / 2);
                let (mut locked, more) = join(write_batch(batch, write), write_batch(second, write)).await;
                locked.extend(more);
                return locked;
            }
        }
        Vec::new()
    }
    .boxed()
}

/// Writes a work with a longer wait for its lock, unless too many do.
async fn write_alone<W, R, F, Writing>(waiting: Waiting<W, R>, write: Arc<F>, permit: Option<OwnedSemaphorePermit>)
where
    F: Fn(Vec<Arc<W>>, LockWait) -> Writing,
    Writing: Future<Output = Result<Vec<R>, Error>>,
{
    let locked = || Error::Unavailable(Outage::passing("another transaction holds a lock that it needs"));
    let answer = match permit {
        None => Err(locked()),
        Some(_held) => match write(vec![waiting.work], LockWait::Alone).await {
            Ok(answers) => answers.into_iter().next().ok_or_else(locked),
            Err(Error::Locked(_)) => Err(locked()),
            Err(error) => Err(error),
        },
    };
    waiting.tell.send(answer).ok();
}

fn tell_all<W, R>(part: Vec<Waiting<W, R>>, error: impl Fn() -> Error) {
    for waiting in part {
        waiting.tell.send(Err(error())).ok();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex as Lock;

    use tokio::{sync::Semaphore, task::yield_now};

    use super::*;

    /// Doubles numbers, records the batches, and refuses any batch with 13.
    fn doubling(batches: &Arc<Lock<Vec<Vec<u32>>>>, open: &Arc<Semaphore>) -> WriteBatcher<u32, u32> {
        let (batches, open) = (Arc::clone(batches), Arc::clone(open));
        WriteBatcher::new(2, move |works: Vec<Arc<u32>>, _| {
            let (batches, open) = (Arc::clone(&batches), Arc::clone(&open));
            async move {
                open.acquire().await.unwrap().forget();
                let numbers: Vec<u32> = works.iter().map(|work| **work).collect();
                batches.lock().unwrap().push(numbers.clone());
                if numbers.contains(&13) {
                    return Err(Error::Schema("13".into()));
                }
                Ok(numbers.iter().map(|number| number * 2).collect())
            }
        })
    }

    #[tokio::test]
    async fn waiters_for_the_same_write_share_the_next() {
        let (batches, open) = (Arc::default(), Arc::new(Semaphore::new(0)));
        let batcher = Arc::new(doubling(&batches, &open));
        let ask = |number: u32| {
            let batcher = Arc::clone(&batcher);
            tokio::spawn(async move { batcher.write(number).await })
        };
        let mut asked = vec![ask(1)];
        tokio::task::yield_now().await;
        tokio::task::yield_now().await;
        asked.extend([2, 3, 4].map(ask));
        tokio::task::yield_now().await;
        open.add_permits(100);
        let mut answers = Vec::new();
        for one in asked {
            answers.push(one.await.unwrap().unwrap());
        }
        assert_eq!(answers, [2, 4, 6, 8]);
        assert_eq!(*batches.lock().unwrap(), [vec![1], vec![2, 3, 4]]);
    }

    #[tokio::test]
    async fn a_hanging_write_delays_no_other() {
        let batcher = WriteBatcher::new(2, |works: Vec<Arc<u32>>, _| async move {
            if *works[0] == 1 {
                std::future::pending::<()>().await;
            }
            Ok(works.iter().map(|work| **work).collect())
        });
        let hanging = batcher.write(1);
        let next = async {
            yield_now().await;
            batcher.write(2).await
        };
        tokio::select! {
            biased;
            _ = hanging => unreachable!("it hangs for longer"),
            next = next => assert_eq!(next.unwrap(), 2),
        }
    }

    #[tokio::test]
    async fn a_refused_one_costs_the_others_nothing() {
        let (batches, open) = (Arc::default(), Arc::new(Semaphore::new(100)));
        let batcher = doubling(&batches, &open);
        let write = |number| batcher.write(number);
        let (one, two, bad, three) = tokio::join!(write(1), write(2), write(13), write(3));
        assert_eq!((one.unwrap(), two.unwrap(), three.unwrap()), (2, 4, 6));
        assert!(matches!(bad, Err(Error::Schema(_))));
        assert_eq!(*batches.lock().unwrap(), [vec![1, 2, 13, 3], vec![1, 2], vec![13, 3], vec![13], vec![3]]);
    }

    /// 13 needs a row that is locked for ever.
    fn with_a_locked_row(lanes: usize) -> WriteBatcher<u32, u32> {
        WriteBatcher::new(lanes, |works: Vec<Arc<u32>>, wait| async move {
            match (works.iter().any(|work| **work == 13), wait) {
                (false, _) => Ok(works.iter().map(|work| **work).collect()),
                (true, LockWait::Shared) => Err(Error::Locked("13".into())),
                (true, LockWait::Alone | LockWait::Unbounded) => std::future::pending().await,
            }
        })
    }

    #[tokio::test]
    async fn a_locked_row_holds_up_only_its_own_work() {
        let batcher = Arc::new(with_a_locked_row(1));
        let ask = |number: u32| {
            let batcher = Arc::clone(&batcher);
            tokio::spawn(async move { batcher.write(number).await })
        };
        let blocked: Vec<_> = [13, 13].map(ask).into();
        let others: Vec<_> = (1..9).map(ask).collect();
        for (number, other) in (1..9).zip(others) {
            assert_eq!(other.await.unwrap().unwrap(), number);
        }
        assert!(blocked.iter().all(|one| !one.is_finished()), "they wait for the lock");
        let one_too_many = batcher.write(13).await;
        assert!(matches!(one_too_many, Err(Error::Unavailable(_))), "{one_too_many:?}");
        assert_eq!(batcher.write(9).await.unwrap(), 9);
    }
}
