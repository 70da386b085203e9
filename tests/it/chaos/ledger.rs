//! The ledger: what the clients were told, and violations of the promises. The checker holds the service to it.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, OnceLock},
    time::Instant,
};

/// What one message has come to, as far as its sender knows.
#[derive(Clone, Debug, Default)]
pub struct Record {
    /// What the service has said it made of it.
    pub taken: Option<Taken>,
    /// It was refused once and for all; then nothing of it may be there.
    pub refused: bool,
    pub end: Option<End>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    pub turn: String,
    pub conversation: String,
    pub user_message: String,
    pub assistant_message: String,
}

#[derive(Clone, Debug)]
pub struct End {
    /// A state of a turn.
    pub state: String,
    /// All deltas and snapshots put together; `None` for a client that wanted the whole reply and got a failure.
    pub text: Option<String>,
}

#[derive(Default)]
pub struct Ledger {
    records: Mutex<BTreeMap<String, Record>>,
    violations: Mutex<Vec<(String, String)>>,
    counts: Mutex<BTreeMap<&'static str, u64>>,
    /// When the storm was over.
    over: OnceLock<Instant>,
}

impl Ledger {
    pub fn open(&self, tag: &str) {
        assert!(self.records().insert(tag.to_owned(), Record::default()).is_none(), "a tag is unique");
    }

    /// The service says that the message is taken. Twice is fine, if it says the same.
    pub fn taken(&self, tag: &str, taken: Taken) {
        let mut records = self.records();
        let record = records.get_mut(tag).unwrap();
        if let Some(before) = record.taken.replace(taken.clone())
            && before != taken
        {
            drop(records);
            self.violation("one message, one turn", format!("{tag}: {before:?}, and then {taken:?}"));
        }
    }

    pub fn refused(&self, tag: &str) {
        self.records().get_mut(tag).unwrap().refused = true;
    }

    pub fn ended(&self, tag: &str, end: End) {
        self.records().get_mut(tag).unwrap().end = Some(end);
    }

    pub fn records(&self) -> MutexGuard<'_, BTreeMap<String, Record>> {
        self.records.lock().unwrap()
    }

    pub fn violation(&self, promise: &str, detail: String) {
        self.violations.lock().unwrap().push((promise.to_owned(), detail));
    }

    /// Promise and detail, as they were found.
    pub fn violations(&self) -> Vec<(String, String)> {
        self.violations.lock().unwrap().clone()
    }

    pub fn count(&self, what: &'static str) -> u64 {
        let mut counts = self.counts.lock().unwrap();
        let count = counts.entry(what).or_default();
        *count += 1;
        *count
    }

    pub fn counted(&self, what: &str) -> u64 {
        self.counts.lock().unwrap().get(what).copied().unwrap_or_default()
    }

    pub fn counts(&self) -> Vec<(&'static str, u64)> {
        self.counts.lock().unwrap().iter().map(|(what, count)| (*what, *count)).collect()
    }

    /// Nothing new is begun from now on.
    pub fn close(&self) {
        self.over.get_or_init(Instant::now);
    }

    /// Since when the service has had its peace, for a client that came at `since`; `None` while the storm goes on.
    pub fn peace_since(&self, since: Instant) -> Option<Instant> {
        self.over.get().map(|over| since.max(*over))
    }

    pub fn is_closed(&self) -> bool {
        self.over.get().is_some()
    }
}
