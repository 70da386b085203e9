//! A turn's demand on the quotas, as far as it is known before admission: its input, and the length of its reply.

use super::request::TurnRequest;
use crate::{
    app::catalogue::Entry,
    limits::{Actual, ReplyLength},
    model::CountedInput,
    provider::{Calibration, Tokens},
};

/// The shortest reply, in tokens, that a reservation is cut to: a few sentences. Where there is room for less, a
/// refusal that says so is of more use; a client that wants a shorter reply sets `max_tokens`.
const SHORTEST_ANSWER: u32 = 64;

/// A turn's demand on the quotas. An overrun is charged when the turn ends.
#[derive(Clone, Copy, Default)]
pub(in crate::app) struct Demand {
    /// The history, the message and the system prompt.
    pub(in crate::app) input: Actual,
    /// Each token of the reply.
    pub(in crate::app) per_token: Actual,
    pub(in crate::app) length: ReplyLength,
}

impl Demand {
    /// `counted`: the last calls of this conversation, the newest first. The next input is theirs and the new message.
    pub(in crate::app) fn of(model: &Entry, request: &TurnRequest, counted: &[CountedInput]) -> Self {
        let past = counted.iter().find_map(|call| call.used).unwrap_or(0);
        let new = Calibration::of(counted).tokens(request.estimated_input());
        let input = (past + new).min(model.config.context_window.into());
        let longest = model.config.max_output_tokens;
        let length = match request.max_tokens.map(|asked| asked.min(longest)) {
            Some(asked) => ReplyLength { least: asked, most: asked },
            None => ReplyLength { least: SHORTEST_ANSWER.min(longest), most: longest },
        };
        let cost = model.cost(Tokens { input, output: 0, cached: 0 });
        Self {
            input: Actual { tokens: input, cost: cost.nano() },
            per_token: Actual { tokens: 1, cost: model.output_token_price() },
            length,
        }
    }
}
