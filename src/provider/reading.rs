//! Stream reader common to all providers: bytes in, text and a reply out. No network, no clock.
//!
//! One odd event never costs the reply: what is no event of the protocol is skipped, what is nearly JSON is repaired.
//! Only truncated JSON fails, for text is lost with it.

use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::{Failure, FailureKind, OnText, Reply, error_body::ErrorBody, nearly_json::repair, reply::Progress, sse};

/// A provider's decoder, which adds one event to the reply. Its data is a JSON object, or is to be one.
pub type Read = fn(&mut Progress, sse::Event<'_>, &mut OnText<'_>) -> Result<(), Failure>;

/// The state of a stream being read.
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
        events.feed(bytes, |event| take(*read, progress, event, on_text))
    }

    /// Ends a stream that did not break.
    pub fn end(&mut self, on_text: &mut OnText<'_>) -> Result<(), Failure> {
        let Self { read, events, progress } = self;
        events.finish(|event| take(*read, progress, event, on_text))
    }

    /// The model has output something.
    pub fn begun(&self) -> bool {
        self.progress.begun
    }

    /// The provider has said that the reply is complete; its usage may still come.
    pub fn finished(&self) -> bool {
        self.progress.reply().is_some()
    }

    /// The stream has ended.
    pub fn ended(&self) -> bool {
        self.progress.ended
    }

    /// The outcome. A reply that is finished stands, whatever broke after it.
    pub fn conclude(mut self, read: Result<(), Failure>, on_text: &mut OnText<'_>) -> Result<Reply, Failure> {
        self.progress.end_text(on_text);
        if let Some(reply) = self.progress.reply() {
            return Ok(reply);
        }
        let failure = match (read, self.progress.odd) {
            (Err(failure), _) => failure,
            // None of the stream was understood.
            (Ok(()), Some(odd)) if !self.progress.begun => odd,
            (Ok(()), _) => Failure::new(FailureKind::Incomplete, "the provider's stream ended before the reply did"),
        };
        Err(Failure { tokens: self.progress.tokens, ..failure })
    }
}

fn take(read: Read, progress: &mut Progress, event: sse::Event<'_>, on_text: &mut OnText<'_>) -> Result<(), Failure> {
    let event = sse::Event { data: event.data.trim(), ..event };
    if progress.ended || (event.data.is_empty() && !event.is_error()) {
        return Ok(());
    }
    if event.data == "[DONE]" {
        progress.ended = true;
        return Ok(());
    }
    match event.data.as_bytes().first() {
        Some(b'{') => read_or_mend(read, progress, event, on_text),
        Some(b'[') => read_list(read, progress, event, on_text),
        _ if event.is_error() => Err(ErrorBody::in_stream(event.data)),
        _ if is_keep_alive(event.data) => Ok(()),
        _ => {
            if let Err(odd) = progress.parse::<IgnoredAny>(event.data) {
                progress.odd.get_or_insert(odd);
            }
            Ok(())
        }
    }
}

/// Whether it is a keep-alive word, as some proxies and servers send it.
fn is_keep_alive(data: &str) -> bool {
    let word = data.to_ascii_lowercase();
    word.len() <= 64
        && ["ping", "keep-alive", "keepalive", "heartbeat", "processing"].iter().any(|it| word.contains(it))
}

fn read_or_mend(
    read: Read,
    progress: &mut Progress,
    event: sse::Event<'_>,
    on_text: &mut OnText<'_>,
) -> Result<(), Failure> {
    let Err(failure) = read(progress, event, on_text) else { return Ok(()) };
    let mended = if failure.kind == FailureKind::Protocol { repair(event.data) } else { None };
    let mended = mended.ok_or(failure)?;
    mended.iter().try_for_each(|data| match data.as_str() {
        _ if progress.ended => Ok(()),
        "[DONE]" => {
            progress.ended = true;
            Ok(())
        }
        data => read(progress, sse::Event { data, ..event }, on_text),
    })
}

/// Google puts its errors into a list, also in the middle of a stream.
fn read_list(
    read: Read,
    progress: &mut Progress,
    event: sse::Event<'_>,
    on_text: &mut OnText<'_>,
) -> Result<(), Failure> {
    let list = progress.parse::<Vec<&RawValue>>(event.data)?.unwrap_or_default();
    let mut events = list.into_iter().map(RawValue::get).filter(|data| data.starts_with('{'));
    events.try_for_each(|data| read(progress, sse::Event { data, ..event }, on_text))
}
