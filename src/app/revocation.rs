//! Noticing that a session has ended while a connection of it is open.

use std::time::Duration;

use tokio::time::sleep;

use super::{App, Caller};
use crate::clock;

const LOOK_EVERY: Duration = Duration::from_millis(500);

impl App {
    /// Ends when the caller's session or account does. While the database is away that cannot be known, and it goes on.
    pub fn until_revoked(&self, caller: &Caller) -> impl Future<Output = ()> + Send + 'static {
        let (standings, store, session) = (self.standings.clone(), self.store.clone(), caller.session());
        async move {
            let Some(session) = session else { return std::future::pending().await };
            loop {
                sleep(LOOK_EVERY).await;
                // Boxed, because it is large, and every open connection waits here.
                let Ok(standing) = Box::pin(standings.of(&store, session)).await else { continue };
                let stands =
                    |s: crate::store::Standing| s.user.enabled && s.revoked_at.is_none() && s.expires_at > clock::now();
                if !standing.is_some_and(stands) {
                    return;
                }
            }
        }
    }
}
