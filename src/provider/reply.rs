//! Accumulation of a reply, event by event, by the decoders.

use serde::Deserialize;

use super::{Failure, FailureKind, OnText, SplitInput, Tokens, characters::HalfCharacter, lenient::Text};
use crate::model::FinishReason;

/// The longest text of a reply; more than any model writes.
const MAX_TEXT: usize = 4 * 1024 * 1024;

/// The end of a call. Its text was passed on before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reply {
    pub finish_reason: FinishReason,
    /// `None`: the provider did not report it.
    pub tokens: Option<Tokens>,
}

/// The state of a reply so far.
#[derive(Debug, Default)]
pub struct Progress {
    pub finish_reason: Option<FinishReason>,
    pub tokens: Option<Tokens>,
    input: SplitInput,
    /// The model has output something, if only reasoning that is not shown.
    pub begun: bool,
    /// The stream has ended.
    pub ended: bool,
    /// The text is the model's refusal to answer.
    pub refused: bool,
    /// The first event that was not understood.
    pub odd: Option<Failure>,
    half: HalfCharacter,
    text_len: usize,
}

impl Progress {
    /// Parses an event's data. `None`: it is JSON of an unknown shape, which is skipped and kept in `odd`.
    ///
    /// Errors: it is no JSON, so that text may have been lost.
    pub fn parse<'a, T: Deserialize<'a>>(&mut self, json: &'a str) -> Result<Option<T>, Failure> {
        match serde_json::from_str(json) {
            Ok(event) => Ok(Some(event)),
            Err(error) if error.is_data() => {
                self.odd.get_or_insert_with(|| not_understood(&error));
                Ok(None)
            }
            Err(error) => Err(not_understood(&error)),
        }
    }

    /// Updates the usage. Some providers count along, some report zero after a number: a count never goes down.
    pub fn count(&mut self, told: Tokens) {
        if told.input > 0 || told.output > 0 {
            self.tokens = Some(self.tokens.unwrap_or_default().max(told));
        }
    }

    /// The same for a provider that splits its input. Its parts may come apart, those of the cache only at the start.
    pub fn count_split(&mut self, input: SplitInput, output: u64) {
        self.input = input.or(self.input);
        self.count(self.input.tokens(output));
    }

    /// Passes on a piece of the reply. NUL becomes U+FFFD, because PostgreSQL cannot store it.
    pub fn say(&mut self, text: &Text<'_>, on_text: &mut OnText<'_>) -> Result<(), Failure> {
        if text.is_odd {
            let unknown = || Failure::new(FailureKind::Protocol, "the provider sent a text of an unknown shape");
            self.odd.get_or_insert_with(unknown);
        }
        if text.is_empty() {
            return Ok(());
        }
        self.begun = true;
        let mut half = std::mem::take(&mut self.half);
        let said = self.say_whole(&half.join(text), on_text);
        self.half = half;
        said
    }

    fn say_whole(&mut self, text: &str, on_text: &mut OnText<'_>) -> Result<(), Failure> {
        self.text_len += text.len();
        if self.text_len > MAX_TEXT {
            return Err(Failure::new(FailureKind::Protocol, "the provider's reply is over 4 MiB of text"));
        }
        if text.contains('\0') {
            on_text(&text.replace('\0', "\u{fffd}"));
        } else if !text.is_empty() {
            on_text(text);
        }
        Ok(())
    }

    /// Ends the text: a pending half becomes U+FFFD.
    pub fn end_text(&mut self, on_text: &mut OnText<'_>) {
        if let Some(replacement) = self.half.end() {
            on_text(replacement);
        }
    }

    /// The reply, if the provider finished it: with a reason, or only by the end of the stream after some output.
    pub fn reply(&self) -> Option<Reply> {
        let said = self.finish_reason.or((self.ended && self.begun).then_some(FinishReason::Stop))?;
        let finish_reason = if self.refused { FinishReason::ContentFilter } else { said };
        Some(Reply { finish_reason, tokens: self.tokens })
    }
}

/// The failure of an event that is not as documented. Serde's message may quote the event, and with it what the model
/// wrote, so only the position is given.
pub fn not_understood(error: &serde_json::Error) -> Failure {
    let what = if error.is_data() { "of an unknown shape" } else { "that is not JSON" };
    Failure::new(FailureKind::Protocol, format!("the provider sent an event {what} (at byte {})", error.column()))
}
