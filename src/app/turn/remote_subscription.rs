//! Subscription to a turn of another process: to its stream in Redis, and, where that has nothing, to its draft in the
//! database. Both are polled a few times a second, and less the longer nothing comes.

use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::time::sleep;

use super::replay::{deltas, numbered};
use crate::{
    app::{App, Error},
    event::{Numbered, Started, TURN_SEQ, TurnEvent},
    live::{Reader, StreamEntry},
    model::{Turn, TurnId, TurnState, UserId},
};

/// Between two reads of a stream.
const SHORTEST_PAUSE: Duration = Duration::from_millis(40);
const LONGEST_PAUSE: Duration = Duration::from_millis(250);
/// Between two reads of the database while the stream has nothing.
const DATABASE_POLL_INTERVAL: Duration = Duration::from_millis(500);

pub(in crate::app) struct RemoteSubscription {
    app: Arc<App>,
    user: UserId,
    turn_id: TurnId,
    /// The number of the last event that was yielded.
    seen: u64,
    /// Events to be yielded next.
    ahead: VecDeque<Numbered>,
    pause: Duration,
    last_event_at: Instant,
}

/// The next step.
pub(in crate::app) enum Next {
    Event(Numbered),
    /// The turn runs here: it had only just begun.
    Here(Reader),
    /// The turn has ended; these are the remaining events.
    Rest(Vec<Numbered>),
}

impl RemoteSubscription {
    pub(in crate::app) fn new(app: &Arc<App>, user: UserId, turn: &Turn, after: u64) -> Self {
        let first = Numbered { seq: TURN_SEQ, event: TurnEvent::Turn(Started::of(turn)) };
        Self {
            app: Arc::clone(app),
            user,
            turn_id: turn.id,
            seen: after,
            ahead: (after == 0).then_some(first).into_iter().collect(),
            pause: SHORTEST_PAUSE,
            last_event_at: Instant::now(),
        }
    }

    /// Waits for the next step. Cancellation safe.
    pub(in crate::app) async fn next(&mut self) -> Next {
        loop {
            if let Some(numbered) = self.ahead.pop_front() {
                self.seen = numbered.seq;
                return if numbered.event.is_last() { Next::Rest(vec![numbered]) } else { Next::Event(numbered) };
            }
            if let Some(running) = self.app.turns.live.running(self.turn_id) {
                return Next::Here(running.log.follow(self.seen));
            }
            if self.read_stream().await {
                (self.pause, self.last_event_at) = (SHORTEST_PAUSE, Instant::now());
                continue;
            }
            if self.last_event_at.elapsed() >= DATABASE_POLL_INTERVAL {
                self.last_event_at = Instant::now();
                match self.read_database().await {
                    Ok(Some(rest)) => return Next::Rest(rest),
                    // While the database is unavailable the state is unknown, and the wait goes on.
                    Ok(None) | Err(Error::DatabaseUnavailable(_)) => {}
                    Err(error) => {
                        let problem = TurnEvent::Error(Box::new(error.problem("")));
                        return Next::Rest(numbered(self.seen, [problem]));
                    }
                }
            }
            if self.ahead.is_empty() {
                sleep(self.pause).await;
                self.pause = (self.pause * 2).min(LONGEST_PAUSE);
            }
        }
    }

    /// Reads the next events of the stream; `false` if there are none.
    async fn read_stream(&mut self) -> bool {
        let after = self.seen.max(TURN_SEQ);
        for heard in self.app.turns.live.read_stream(self.turn_id, after).await.unwrap_or_default() {
            match heard {
                StreamEntry::Event(numbered) if numbered.seq == after + 1 + self.ahead.len() as u64 => {
                    self.ahead.push_back(numbered);
                }
                // Missing events are in the database, or soon will be. So is the end of a sealed stream.
                StreamEntry::Event(_) | StreamEntry::Sealed => break,
            }
        }
        !self.ahead.is_empty()
    }

    /// Reads the stored draft; returns all remaining events if the turn has ended.
    async fn read_database(&mut self) -> Result<Option<Vec<Numbered>>, Error> {
        let missing = || Error::not_found("turn", self.turn_id);
        let written = self.app.store.stored_draft(self.turn_id).await?.ok_or_else(missing)?;
        if written.state != TurnState::Running {
            let turn = self.app.owned_turn(self.user, self.turn_id).await?;
            return self.app.replay(self.user, turn, self.seen).await.map(|retold| Some(retold.events));
        }
        let drafted = written.pieces.and_then(|pieces| deltas(&pieces, &written.draft)).unwrap_or_default();
        self.ahead.extend(drafted.into_iter().filter(|numbered| numbered.seq > self.seen.max(TURN_SEQ)));
        Ok(None)
    }
}
