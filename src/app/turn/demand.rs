//! What a turn asks of the quotas, as far as is known before it is admitted: its input, and how long its answer may be.

use super::request::TurnRequest;
use crate::{
    app::{catalogue::Entry, limits::enforce::nano},
    limits::{Actual, AnswerLength},
    model::CountedInput,
    provider::{Calibration, Tokens},
};

/// The shortest answer, in tokens, that a reservation is cut to: a few sentences. Where there is room for less, a refusal
/// that says so is of more use; a client that wants a shorter answer asks for it with `max_tokens`.
const SHORTEST_ANSWER: u32 = 64;

/// What a turn asks of the quotas. An overrun is charged when the turn ends.
#[derive(Clone, Copy, Default)]
pub(in crate::app) struct Demand {
    /// What was said before, the message and the instructions.
    pub(in crate::app) input: Actual,
    /// Each token of the answer.
    pub(in crate::app) per_token: Actual,
    pub(in crate::app) length: AnswerLength,
}

impl Demand {
    /// `counted`: the last calls of this conversation, the newest first. The next input has what they had, and the new message.
    pub(in crate::app) fn of(model: &Entry, ask: &TurnRequest, counted: &[CountedInput]) -> Self {
        let past = counted.iter().find_map(|call| call.used).unwrap_or(0);
        let new = Calibration::of(counted).tokens(ask.estimated_input());
        let input = (past + new).min(model.config.context_window.into());
        let longest = model.config.max_output_tokens;
        let length = match ask.max_tokens.map(|asked| asked.min(longest)) {
            Some(asked) => AnswerLength { least: asked, most: asked },
            None => AnswerLength { least: SHORTEST_ANSWER.min(longest), most: longest },
        };
        let cost = model.cost(Tokens { input, output: 0, cached: 0 });
        Self {
            input: Actual { tokens: input, cost: nano(cost) },
            per_token: Actual { tokens: 1, cost: model.output_token_price() },
            length,
        }
    }
}
