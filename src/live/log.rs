//! The log of one running turn: an append-only text that any number of readers follow at their own pace. A reader holds a
//! place, not a queue, so a slow one costs nothing and delays nobody; the log is as large as the reply and no larger.

use std::sync::{Arc, Mutex, MutexGuard};

use tokio::sync::watch;

use crate::event::{Delta, Numbered, Started, TurnEvent};

/// Written by the turn's task alone.
pub struct Log {
    state: Mutex<State>,
    /// How many events there are.
    length: watch::Sender<u64>,
}

struct State {
    started: Started,
    text: String,
    /// Where in `text` each delta ends.
    ends: Vec<usize>,
    last: Option<TurnEvent>,
}

impl Log {
    /// A log with its first event.
    pub fn new(started: Started) -> Arc<Self> {
        let state = State { started, text: String::new(), ends: Vec::new(), last: None };
        Arc::new(Self { state: Mutex::new(state), length: watch::Sender::new(1) })
    }

    /// Appends a piece of the reply. An empty one is none.
    pub fn push(&self, text: &str) {
        if text.is_empty() {
            return;
        }
        let mut state = self.state();
        state.text.push_str(text);
        let end = state.text.len();
        state.ends.push(end);
        drop(state);
        self.length.send_modify(|length| *length += 1);
    }

    /// Appends the last event.
    pub fn end(&self, last: TurnEvent) {
        self.state().last = Some(last);
        self.length.send_modify(|length| *length += 1);
    }

    /// The reply so far.
    pub fn text(&self) -> String {
        self.state().text.clone()
    }

    /// Follows from after event `after`; 0 is the beginning. Nobody has seen what is not there yet.
    pub fn follow(self: &Arc<Self>, after: u64) -> Reader {
        let length = self.length.subscribe();
        let seen = after.min(*length.borrow());
        Reader { log: Arc::clone(self), length, seen }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nobody panics while holding the log")
    }

    fn event(&self, seq: u64) -> Option<TurnEvent> {
        let state = self.state();
        let index = usize::try_from(seq).ok()?;
        match index {
            0 => None,
            1 => Some(TurnEvent::Turn(state.started.clone())),
            _ if index - 2 < state.ends.len() => {
                let start = if index == 2 { 0 } else { state.ends[index - 3] };
                Some(TurnEvent::Delta(Delta { text: state.text[start..state.ends[index - 2]].to_owned() }))
            }
            _ if index - 2 == state.ends.len() => state.last.clone(),
            _ => None,
        }
    }
}

/// A place in a log.
pub struct Reader {
    log: Arc<Log>,
    length: watch::Receiver<u64>,
    seen: u64,
}

impl Reader {
    /// The next event, waiting for it; `None` after the last. Safe to drop half-way.
    pub async fn next(&mut self) -> Option<Numbered> {
        let wanted = self.seen + 1;
        self.length.wait_for(|length| *length >= wanted).await.ok();
        let event = self.log.event(wanted)?;
        self.seen = wanted;
        if event.is_last() {
            // Nothing comes after it: the next call must not wait.
            self.length = closed();
        }
        Some(Numbered { seq: wanted, event })
    }

    /// The last event, waiting for it.
    pub async fn last(&mut self) -> TurnEvent {
        let log = Arc::clone(&self.log);
        let ended = self.length.wait_for(|_| log.state().last.is_some()).await.map(drop);
        ended.expect("the log, and with it the sender, is held by this reader");
        self.log.state().last.clone().expect("it was just seen")
    }
}

fn closed() -> watch::Receiver<u64> {
    watch::channel(0).1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ConversationId, MessageId, Problem, TurnId};

    fn log() -> Arc<Log> {
        Log::new(Started {
            turn_id: TurnId::new(),
            conversation_id: ConversationId::new(),
            user_message_id: MessageId::new(),
            assistant_message_id: MessageId::new(),
            model: "m".into(),
        })
    }

    fn last() -> TurnEvent {
        TurnEvent::Error(Box::new(Problem {
            kind: String::new(),
            title: String::new(),
            status: 502,
            detail: String::new(),
            code: String::new(),
            request_id: String::new(),
            errors: Vec::new(),
            extensions: serde_json::Map::new(),
        }))
    }

    #[tokio::test]
    async fn every_reader_sees_every_event_once_and_in_order_whenever_it_comes() {
        let log = log();
        let early = tokio::spawn(drain(log.follow(0)));
        log.push("Hel");
        log.push("");
        let middle = tokio::spawn(drain(log.follow(0)));
        tokio::task::yield_now().await;
        log.push("lo ✓");
        log.end(last());
        let late = drain(log.follow(0)).await;
        assert_eq!(late, (vec![1, 2, 3, 4], "Hello ✓".to_owned()));
        assert_eq!(early.await.unwrap(), late);
        assert_eq!(middle.await.unwrap(), late);
        assert_eq!(drain(log.follow(2)).await, (vec![3, 4], "lo ✓".to_owned()));
    }

    async fn drain(mut reader: Reader) -> (Vec<u64>, String) {
        let (mut seqs, mut text) = (Vec::new(), String::new());
        while let Some(numbered) = reader.next().await {
            seqs.push(numbered.seq);
            if let TurnEvent::Delta(delta) = &numbered.event {
                text.push_str(&delta.text);
            }
        }
        (seqs, text)
    }
}
