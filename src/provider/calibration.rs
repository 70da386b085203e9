//! Calibration of token estimates to a provider's counts: learned for each conversation from its last calls, from
//! nothing but what is stored of them. Pure.
//!
//! Why no tokenizer: the well-maintained crates know OpenAI's vocabularies only (tiktoken-rs 0.12 brings 9 MB of them);
//! Anthropic publishes none, and self-hosted models bring their own, behind gateways that do not say which. None knows
//! the chat template, which is all of a short message. What a provider reports is right for every model, costs nothing,
//! and is late by one message only; where that is not enough, the provider refuses and gets a shorter request.

use crate::model::CountedInput;

/// Tokenizers work on bytes, so a text never has more tokens than bytes: four times the estimate.
const MAX_FACTOR: f64 = 4.0;
/// English prose has about 0.7 of the estimate; much less is a count that leaves something out.
const MIN_FACTOR: f64 = 0.5;
/// Tokens added to both sides: a chat template's own tokens are most of a short message, and would be taken for a
/// property of the text.
const TEMPLATE: f64 = 16.0;

/// What was learned about a conversation with a model.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Calibration {
    /// The provider's tokens per estimated token.
    factor: f64,
    /// Whether a provider has counted anything.
    is_learned: bool,
    /// The smallest estimate that was refused as too long.
    refused_at: Option<u64>,
    /// The largest that was accepted.
    accepted: Option<u64>,
}

impl Default for Calibration {
    fn default() -> Self {
        Self { factor: 1.0, is_learned: false, refused_at: None, accepted: None }
    }
}

impl Calibration {
    /// Learns from the last calls, the newest first. The newest that was counted has nearly the same text as the next;
    /// one that was too long bounds those after it, whatever the configured window.
    pub fn of(calls: &[CountedInput]) -> Self {
        let counted =
            calls.iter().find_map(|call| Some((call.counted.filter(|counted| *counted > 0)?, call.estimated)));
        let factor = counted.map(|(counted, estimated)| {
            ((counted as f64 + TEMPLATE) / (estimated as f64 + TEMPLATE)).clamp(MIN_FACTOR, MAX_FACTOR)
        });
        Self {
            factor: factor.unwrap_or(1.0),
            is_learned: factor.is_some(),
            refused_at: calls.iter().filter(|call| call.was_too_long).map(|call| call.estimated).min(),
            accepted: calls
                .iter()
                .filter(|call| !call.was_too_long && call.used.is_some())
                .map(|call| call.estimated)
                .max(),
        }
    }

    /// The provider's expected count of an estimate.
    pub fn tokens(&self, estimated: u64) -> u64 {
        (estimated as f64 * self.factor).ceil() as u64
    }

    /// The largest estimate expected to fit into so many of the provider's tokens.
    pub(super) fn budget(&self, room: u64) -> u64 {
        let budget = (room as f64 / self.factor) as u64;
        // An eighth below what was refused: converges to the true bound, if that is not the configured one.
        self.refused_at.map_or(budget, |refused_at| budget.min(refused_at - refused_at.div_ceil(8)))
    }

    /// The budget after a refusal: half of what was refused, no more than what was accepted before, and where nothing
    /// was counted yet, what fits if every byte is a token. It is the last attempt, so it is a modest one.
    pub(super) fn budget_after(&self, refused: u64, room: u64) -> u64 {
        let share = if self.is_learned { refused / 2 } else { refused / 4 };
        share.min((room as f64 / MAX_FACTOR) as u64).min(self.accepted.unwrap_or(u64::MAX))
    }

    /// Whether an estimate cannot fit, by any plausible count.
    pub(super) fn is_hopeless(&self, estimated: u64, room: u64) -> bool {
        (estimated as f64 * self.factor.min(1.0)).ceil() as u64 > room
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(estimated: u64, counted: Option<u64>) -> CountedInput {
        CountedInput { estimated, counted, used: counted, was_too_long: false }
    }

    #[test]
    fn the_newest_count_is_what_is_learned() {
        for (calls, factor) in [
            (vec![], 1.0),
            (vec![call(100, None)], 1.0),
            (vec![call(100, Some(0))], 1.0),
            (vec![call(984, Some(2_284))], 2.3),
            (vec![call(984, None), call(984, Some(1_984)), call(984, Some(984))], 2.0),
            (vec![call(984, Some(684))], 0.7),
            // A template of 30 tokens says little about a message of one.
            (vec![call(5, Some(34))], 50.0 / 21.0),
            (vec![call(1_000, Some(1_000_000))], 4.0),
            (vec![call(1_000, Some(3))], 0.5),
        ] {
            let learned = Calibration::of(&calls);
            assert!((learned.factor - factor).abs() < 1e-9, "{calls:?}: {learned:?}");
        }
    }

    #[test]
    fn what_was_refused_bounds_what_is_sent() {
        let refused = CountedInput { was_too_long: true, ..call(800, None) };
        let learned = Calibration::of(&[call(384, Some(384)), refused]);
        assert_eq!((learned.budget(10_000), learned.budget(500)), (700, 500));
        assert_eq!(Calibration::default().budget(10_000), 10_000);
    }

    #[test]
    fn a_retry_is_smaller_than_what_was_refused() {
        let learned = Calibration::of(&[call(984, Some(1_484))]);
        assert_eq!(learned.budget_after(200, 100_000), 100);
        assert_eq!(learned.budget_after(200, 40), 10);
        assert_eq!(Calibration::default().budget_after(200, 100_000), 50);
        assert_eq!(Calibration::of(&[call(70, Some(240))]).budget_after(600, 100_000), 70, "as much as was accepted");
    }
}
