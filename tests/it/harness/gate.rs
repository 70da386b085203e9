//! A gate that a test holds closed: each caller waits at it until the test lets it through.

use std::sync::Arc;

use tokio::sync::Semaphore;

#[derive(Clone)]
pub struct Gate(Arc<Semaphore>);

impl Gate {
    pub fn closed() -> Self {
        Self(Arc::new(Semaphore::new(0)))
    }

    /// Lets one through.
    pub fn step(&self) {
        self.0.add_permits(1);
    }

    /// Lets all through from now on.
    pub fn open(&self) {
        self.0.close();
    }

    pub async fn pass(&self) {
        if let Ok(permit) = self.0.acquire().await {
            permit.forget();
        }
    }
}
