//! Publishing of this process's event logs to Redis, for all turns together: one pipeline every 25 ms at the most, and
//! none without new events. A short turn costs nothing. A failed write is made good by the next; no turn waits for any.

use std::sync::Arc;

use redis::{Pipeline, RedisResult, Value};

use super::{EventLog, Running, stream};
use crate::{
    event::TURN_SEQ,
    redis::{RedisLink, Unavailable},
};

/// The most entries of a pipeline. It has to take far less than the command timeout, for limits wait behind it.
const MAX_ENTRIES: usize = 512;
/// The most entries of one turn, so that one with much text leaves room.
const MAX_ENTRIES_OF_TURN: usize = 64;
/// A larger stream is trimmed of what the database has. While nothing can be trimmed, it may grow to four times this,
/// and then waits.
const TRIM_ABOVE: usize = 1024 * 1024;

/// The write position of a turn's stream.
pub(super) struct StreamPosition {
    /// Its first entry was sent to Redis.
    is_begun: bool,
    /// It is known to exist, and to expire.
    is_there: bool,
    /// The number of the last event in it.
    seq: u64,
    /// The byte range of the reply that it holds.
    from: usize,
    to: usize,
    is_ended: bool,
}

impl Default for StreamPosition {
    fn default() -> Self {
        Self { is_begun: false, is_there: false, seq: TURN_SEQ, from: 0, to: 0, is_ended: false }
    }
}

impl StreamPosition {
    pub(super) fn is_begun(&self) -> bool {
        self.is_begun
    }

    /// Whether the log has deltas that the stream lacks.
    pub(super) fn lacks(&self, log: &EventLog) -> bool {
        log.last_delta() > self.seq
    }

    /// Whether the log's end is still to be written.
    pub(super) fn lacks_its_end(&self, log: &EventLog) -> bool {
        !self.is_ended && log.last().is_some()
    }
}

/// The writes of one pipeline.
#[derive(Default)]
pub(super) struct Batch {
    commands: Pipeline,
    entries: usize,
    /// Each turn's write position after the pipeline.
    places: Vec<(Arc<Running>, u64, usize, bool)>,
}

impl Batch {
    pub(super) fn is_full(&self) -> bool {
        self.entries >= MAX_ENTRIES
    }

    /// Adds what is new in this turn's log.
    pub(super) fn add(&mut self, turn: &Arc<Running>) {
        let id = turn.note.turn_id;
        let mut place = turn.place();
        if place.to - place.from >= TRIM_ABOVE {
            let kept = turn.kept();
            if kept.bytes > place.from {
                stream::trim(&mut self.commands, id, kept.seq + 1);
                place.from = kept.bytes.min(place.to);
            }
        }
        let room = if place.to - place.from < 4 * TRIM_ABOVE { MAX_ENTRIES_OF_TURN } else { 0 };
        let (mut seq, mut to, mut is_ended) = (place.seq, place.to, false);
        for (next, text) in turn.log.deltas(place.seq, room) {
            if place.is_there || seq > place.seq {
                stream::add(&mut self.commands, id, next, "delta", &text);
            } else {
                stream::begin(&mut self.commands, id, next, "delta", &text);
            }
            (seq, to) = (next, to + text.len());
            self.entries += 1;
        }
        if let Some((end, last)) = turn.log.last().filter(|(end, _)| *end == seq + 1) {
            let body = serde_json::to_string(&last).expect("an event is plain JSON");
            stream::add(&mut self.commands, id, end, last.name(), &body);
            (is_ended, self.entries) = (true, self.entries + 1);
        }
        if is_ended {
            stream::keep(&mut self.commands, id);
        }
        place.is_begun = true;
        drop(place);
        self.places.push((Arc::clone(turn), seq, to, is_ended));
    }

    pub(super) async fn send(mut self, redis: &RedisLink) -> Result<(), Unavailable> {
        if self.entries == 0 {
            return Ok(());
        }
        self.commands.ignore_errors();
        let commands = self.commands;
        let sent = redis.run(async |mut connection| {
            let answers: Vec<RedisResult<Value>> = commands.query_async(&mut connection).await?;
            answers.into_iter().find(|answer| !stream::is_there(answer)).map_or(Ok(()), |bad| bad.map(drop))
        });
        match sent.await {
            // A command that Redis always refuses must not block all others.
            Ok(()) | Err(Unavailable::Rejected(_)) => {}
            Err(away) => return Err(away),
        }
        for (turn, seq, to, is_ended) in self.places {
            let mut place = turn.place();
            (place.is_there, place.seq, place.to, place.is_ended) = (true, seq, to, is_ended);
        }
        Ok(())
    }
}
