//! Bytes in, text and a reply out: what all providers' streams have in common. No network, no clock.

use super::{Failure, FailureKind, OnText, Reply, reply::Progress, sse};

/// A provider's decoder: what one event adds to the reply.
pub type Read = fn(&mut Progress, sse::Event<'_>, &mut OnText<'_>) -> Result<(), Failure>;

/// A stream being read.
pub struct Reading {
    read: Read,
    events: sse::Decoder,
    progress: Progress,
}

impl Reading {
    pub fn new(read: Read) -> Self {
        Self { read, events: sse::Decoder::default(), progress: Progress::default() }
    }

    pub fn feed(&mut self, bytes: &[u8], on_text: &mut OnText<'_>) -> Result<(), Failure> {
        let Self { read, events, progress } = self;
        events.feed(bytes, |event| if progress.ended { Ok(()) } else { read(progress, event, on_text) })
    }

    /// The model has put something out.
    pub fn begun(&self) -> bool {
        self.progress.begun
    }

    /// The provider has said why the reply ended; its usage may still come.
    pub fn finished(&self) -> bool {
        self.progress.finish_reason.is_some()
    }

    /// Nothing more will come.
    pub fn ended(&self) -> bool {
        self.progress.ended
    }

    /// What became of it. A reply that is finished stands, whatever broke after it.
    pub fn conclude(self, read: Result<(), Failure>) -> Result<Reply, Failure> {
        if let Some(reply) = self.progress.reply() {
            return Ok(reply);
        }
        let failure = match read {
            Err(failure) => failure,
            Ok(()) => Failure::new(FailureKind::Incomplete, "the provider's stream ended before the reply did"),
        };
        Err(Failure { tokens: self.progress.tokens, ..failure })
    }
}

/// A failure for an event that is not what the provider documents. Serde's own words may quote the event, and with it what
/// the model wrote, so only the place is told.
pub fn not_understood(error: &serde_json::Error) -> Failure {
    let what = if error.is_data() { "of an unknown shape" } else { "that is not JSON" };
    Failure::new(FailureKind::Protocol, format!("the provider sent an event {what} (at byte {})", error.column()))
}
