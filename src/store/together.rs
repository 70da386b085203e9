//! Writes that share a commit. Whoever comes while a write is under way is written together with all others who came
//! meanwhile, by the next one: under load, many turns cost one round trip and one flush to the disk; a turn that is alone
//! waits for nobody. It is what databases call group commit, from outside.

use std::sync::Arc;

use tokio::sync::{Mutex, mpsc, oneshot};

use super::{Error, in_time};

/// How many share one write at the most.
const MOST: usize = 64;
/// How many may wait in line; more wait to get into the line.
const LINE: usize = 1024;

/// Work of type `W`, each with an answer of type `R`.
pub(super) struct Together<W, R>(mpsc::Sender<Waiting<W, R>>);

struct Waiting<W, R> {
    work: Arc<W>,
    tell: oneshot::Sender<Result<R, Error>>,
}

impl<W, R> Together<W, R>
where
    W: Send + Sync + 'static,
    R: Send + 'static,
{
    /// `write` answers each work at its place. Where a shared write is refused it is called again for each alone, so that
    /// one bad apple costs the others time and nothing else. `lanes`: how many writes are under way at once.
    pub(super) fn new<F, Writing>(lanes: usize, write: F) -> Self
    where
        F: Fn(Vec<Arc<W>>) -> Writing + Clone + Send + 'static,
        Writing: Future<Output = Result<Vec<R>, Error>> + Send + 'static,
    {
        let (sender, receiver) = mpsc::channel(LINE);
        let line = Arc::new(Mutex::new(receiver));
        for _ in 0..lanes {
            tokio::spawn(lane(Arc::clone(&line), write.clone()));
        }
        Self(sender)
    }

    pub(super) async fn write(&self, work: W) -> Result<R, Error> {
        let (tell, told) = oneshot::channel();
        let closed = || Error::Away("it is being closed".into());
        in_time(async {
            self.0.send(Waiting { work: Arc::new(work), tell }).await.map_err(|_| closed())?;
            told.await.unwrap_or_else(|_| Err(closed()))
        })
        .await
    }
}

/// Takes what is waiting and writes it, until nobody can come any more.
async fn lane<W, R, F, Writing>(line: Arc<Mutex<mpsc::Receiver<Waiting<W, R>>>>, write: F)
where
    F: Fn(Vec<Arc<W>>) -> Writing,
    Writing: Future<Output = Result<Vec<R>, Error>>,
{
    loop {
        let mut batch = Vec::new();
        if line.lock().await.recv_many(&mut batch, MOST).await == 0 {
            return;
        }
        // Who has stopped waiting was told that it failed.
        batch.retain(|waiting| !waiting.tell.is_closed());
        if batch.is_empty() {
            continue;
        }
        let works = batch.iter().map(|waiting| Arc::clone(&waiting.work)).collect();
        match write(works).await {
            Ok(answers) => {
                for (waiting, answer) in batch.into_iter().zip(answers) {
                    waiting.tell.send(Ok(answer)).ok();
                }
            }
            Err(Error::Away(detail)) => {
                for waiting in batch {
                    waiting.tell.send(Err(Error::Away(detail.clone()))).ok();
                }
            }
            Err(error) if batch.len() == 1 => drop(batch.remove(0).tell.send(Err(error))),
            Err(_) => {
                for Waiting { work, tell } in batch {
                    let alone = write(vec![work]).await;
                    tell.send(alone.map(|mut answers| answers.remove(0))).ok();
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex as Lock;

    use tokio::sync::Semaphore;

    use super::*;

    /// Doubles numbers, writes down who came together, and refuses company with 13.
    fn doubling(batches: &Arc<Lock<Vec<Vec<u32>>>>, open: &Arc<Semaphore>) -> Together<u32, u32> {
        let (batches, open) = (Arc::clone(batches), Arc::clone(open));
        Together::new(1, move |works: Vec<Arc<u32>>| {
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
    async fn who_waits_for_the_same_write_shares_the_next() {
        let (batches, open) = (Arc::default(), Arc::new(Semaphore::new(0)));
        let together = Arc::new(doubling(&batches, &open));
        let ask = |number: u32| {
            let together = Arc::clone(&together);
            tokio::spawn(async move { together.write(number).await })
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
    async fn a_refused_one_costs_the_others_nothing() {
        let (batches, open) = (Arc::default(), Arc::new(Semaphore::new(100)));
        let together = doubling(&batches, &open);
        let (one, bad, two) = tokio::join!(together.write(1), together.write(13), together.write(2));
        assert_eq!((one.unwrap(), two.unwrap()), (2, 4));
        assert!(matches!(bad, Err(Error::Schema(_))));
        assert_eq!(*batches.lock().unwrap(), [vec![1, 13, 2], vec![1], vec![13], vec![2]]);
    }
}
