//! A reply as it takes shape: what the decoders fill in, event by event.

use super::{Failure, FailureKind, OnText, Tokens};
use crate::model::FinishReason;

/// More text than any model writes in one reply; a stream beyond it is not one.
const MAX_TEXT: usize = 4 * 1024 * 1024;

/// How a call ended. Its text was handed out before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reply {
    pub finish_reason: FinishReason,
    /// `None`: the provider did not say.
    pub tokens: Option<Tokens>,
}

/// What is known of a reply so far.
#[derive(Debug, Default)]
pub struct Progress {
    pub finish_reason: Option<FinishReason>,
    pub tokens: Option<Tokens>,
    /// The model has put something out, if only thoughts that are not shown.
    pub begun: bool,
    /// Nothing more will come.
    pub ended: bool,
    /// The text is the model's refusal to answer.
    pub refused: bool,
    text_len: usize,
}

impl Progress {
    /// Hands on a piece of the reply. NUL goes as U+FFFD, because PostgreSQL cannot store it.
    pub fn say(&mut self, text: &str, on_text: &mut OnText<'_>) -> Result<(), Failure> {
        if text.is_empty() {
            return Ok(());
        }
        self.begun = true;
        self.text_len += text.len();
        if self.text_len > MAX_TEXT {
            return Err(Failure::new(FailureKind::Protocol, "the provider's reply is over 4 MiB of text"));
        }
        if text.contains('\0') {
            on_text(&text.replace('\0', "\u{fffd}"))
        } else {
            on_text(text)
        }
        Ok(())
    }

    /// The reply, if the provider said that it is finished.
    pub fn reply(&self) -> Option<Reply> {
        let said = self.finish_reason?;
        let finish_reason = if self.refused { FinishReason::ContentFilter } else { said };
        Some(Reply { finish_reason, tokens: self.tokens })
    }
}
