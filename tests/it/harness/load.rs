//! People who send messages without a break, while something happens to what the server depends on.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::task::JoinHandle;

use super::{Answer, Person, json, within};

pub struct Load {
    stop: Arc<AtomicBool>,
    people: Vec<JoinHandle<()>>,
    outcomes: Arc<Mutex<Vec<Outcome>>>,
}

/// One request and what came of it.
#[derive(Clone, Debug)]
pub struct Outcome {
    pub at: Instant,
    pub took: Duration,
    pub answer: Answer,
}

impl Outcome {
    pub fn is_good(&self) -> bool {
        self.answer.status == 201
    }
}

impl Load {
    /// Each of the people sends one message after the other, and waits a moment where it was refused.
    pub fn of(people: impl IntoIterator<Item = Person>) -> Self {
        let (stop, outcomes) = (Arc::<AtomicBool>::default(), Arc::<Mutex<Vec<Outcome>>>::default());
        let talk = |person| tokio::spawn(talk(person, Arc::clone(&stop), Arc::clone(&outcomes)));
        let people = people.into_iter().map(talk).collect();
        Self { stop, people, outcomes }
    }

    /// Waits until a message that is sent from now on is answered.
    pub async fn goes_on(&self, limit: Duration) {
        let now = Instant::now();
        let look =
            async || self.outcomes.lock().unwrap().iter().any(|one| one.at >= now && one.is_good()).then_some(());
        within(limit, "a message to be answered", look).await;
    }

    /// Waits until a message is refused.
    pub async fn is_refused(&self) {
        let now = Instant::now();
        let look =
            async || self.outcomes.lock().unwrap().iter().any(|one| one.at >= now && !one.is_good()).then_some(());
        within(Duration::from_secs(30), "a message to be refused", look).await;
    }

    /// Has them send nothing more; what they have sent may still be waiting for its answer.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    /// Lets them end what they are at. All they got is a full reply, or a 503 that says why.
    pub async fn end(self) -> Vec<Outcome> {
        self.stop();
        for person in self.people {
            person.await.unwrap();
        }
        let outcomes = std::mem::take(&mut *self.outcomes.lock().unwrap());
        for Outcome { answer, .. } in outcomes.iter().filter(|one| !one.is_good()) {
            answer.any_problem(503);
        }
        outcomes
    }
}

async fn talk(person: Person, stop: Arc<AtomicBool>, outcomes: Arc<Mutex<Vec<Outcome>>>) {
    while !stop.load(Ordering::Relaxed) {
        let at = Instant::now();
        let answer = person.send(&json!({"content": "hello"})).await;
        let is_good = answer.status == 201;
        outcomes.lock().unwrap().push(Outcome { at, took: at.elapsed(), answer });
        if !is_good {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}
