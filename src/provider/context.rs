//! Truncation of a conversation to a model's context window. Pure: what is dropped depends on nothing but the
//! arguments.

use std::ops::Range;

use super::{Calibration, Request, estimate_tokens};
use crate::model::Author;

/// What every message costs besides its text: its role and delimiters.
const PER_MESSAGE: u64 = 4;

/// The prompt and the system prompt alone exceed the context window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the message is too long for the model: about {tokens} tokens with the system prompt, and there is room for {room}"
)]
pub struct TooLong {
    pub tokens: u64,
    pub room: u64,
}

/// Drops the oldest exchanges until the request fits the model's `context_window` beside its own `max_tokens`.
///
/// An exchange is a prompt with its reply; it stays or goes as a whole, and what stays is the newest, without gaps. The
/// last message is the prompt itself and always stays. Replies before the first prompt belong to none and are dropped.
/// Tokens are counted by [`estimate_tokens`], plus four for each message, and corrected by the calibration. A prompt
/// that is too long by the estimate alone is refused here; one that only seems so is the provider's to refuse.
pub fn fit(request: Request, context_window: u32, calibration: &Calibration) -> Result<Request, TooLong> {
    let room = room(&request, context_window);
    let alone = question_alone(&request);
    if calibration.is_hopeless(alone, room) {
        return Err(TooLong { tokens: alone, room });
    }
    Ok(cut_to(request, calibration.budget(room)))
}

/// The request with more of its history dropped, after its provider has refused it as too long. `None`: there is
/// nothing left to drop.
pub fn shorten(request: &Request, context_window: u32, calibration: &Calibration) -> Option<Request> {
    if request.messages.len() <= 1 {
        return None;
    }
    let budget = calibration.budget_after(estimate_input(request), room(request, context_window));
    Some(cut_to(request.clone(), budget))
}

/// The estimated tokens of a request's input.
pub fn estimate_input(request: &Request) -> u64 {
    let format = request.response_format.as_ref().and_then(|format| serde_json::to_string(&format.schema).ok());
    let said = request.messages.iter().map(|past| cost(&past.text)).sum::<u64>();
    said + request.system.as_deref().map_or(0, cost) + format.as_deref().map_or(0, cost)
}

fn room(request: &Request, context_window: u32) -> u64 {
    u64::from(context_window).saturating_sub(request.max_tokens.into())
}

/// The tokens without any history.
fn question_alone(request: &Request) -> u64 {
    let history = request.messages.split_last().map_or(&[][..], |(_, history)| history);
    estimate_input(request) - history.iter().map(|past| cost(&past.text)).sum::<u64>()
}

fn cut_to(mut request: Request, budget: u64) -> Request {
    let mut tokens = question_alone(&request);
    let mut keep_from = request.messages.len().saturating_sub(1);
    for exchange in exchanges(&request).into_iter().rev() {
        tokens += request.messages[exchange.clone()].iter().map(|past| cost(&past.text)).sum::<u64>();
        if tokens > budget {
            break;
        }
        keep_from = exchange.start;
    }
    request.messages.drain(..keep_from);
    request
}

fn cost(text: &str) -> u64 {
    estimate_tokens(text) + PER_MESSAGE
}

/// The range of each exchange before the prompt.
fn exchanges(request: &Request) -> Vec<Range<usize>> {
    let history = &request.messages[..request.messages.len().saturating_sub(1)];
    let mut exchanges: Vec<Range<usize>> = Vec::new();
    for (at, past) in history.iter().enumerate() {
        match (past.author, exchanges.last_mut()) {
            (Author::User, _) => exchanges.push(at..at + 1),
            (Author::Assistant, Some(exchange)) => exchange.end = at + 1,
            (Author::Assistant, None) => {}
        }
    }
    exchanges
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{
        super::{
            PromptMessage,
            request::tests::{asking, past},
        },
        *,
    };
    use crate::model::CountedInput;

    /// Every text here costs five tokens.
    fn talk(script: &str) -> Request {
        let messages = script
            .chars()
            .enumerate()
            .map(|(i, c)| past(if c == 'u' { Author::User } else { Author::Assistant }, &format!("{c}{i:02}.")));
        Request { messages: messages.collect(), max_tokens: 10, ..asking("") }
    }

    fn kept(script: &str, window: u32) -> usize {
        fit(talk(script), window, &Calibration::default()).unwrap().messages.len()
    }

    #[test]
    fn the_oldest_exchanges_go_first_and_whole() {
        for (window, messages) in [(100, 5), (35, 5), (34, 3), (26, 3), (25, 3), (24, 1), (15, 1)] {
            assert_eq!(kept("uauau", window), messages, "{window}");
        }
    }

    #[test]
    fn an_unanswered_question_is_an_exchange_of_its_own() {
        assert_eq!(kept("uauuau", 30), 4);
        assert_eq!(kept("uauuau", 29), 3);
    }

    #[test]
    fn an_answer_without_a_question_is_dropped() {
        assert_eq!(kept("auau", 1000), 3);
    }

    #[test]
    fn a_prompt_that_can_never_fit_tells_both_numbers() {
        let request = Request { system: Some("abcd".to_owned()), ..talk("uau") };
        assert_eq!(fit(request, 19, &Calibration::default()), Err(TooLong { tokens: 10, room: 9 }));
    }

    #[test]
    fn a_small_exchange_does_not_skip_past_a_big_one() {
        let mut request = talk("uauau");
        request.messages[3].text = "x".repeat(400);
        assert_eq!(fit(request, 60, &Calibration::default()).unwrap().messages.len(), 1);
    }

    fn learned(estimated: u64, counted: u64) -> Calibration {
        let call = CountedInput { estimated, counted: Some(counted), used: None, was_too_long: false };
        Calibration::of(&[call])
    }

    #[test]
    fn what_was_learned_leaves_room_for_less_or_more() {
        let kept = |calibration: Calibration| fit(talk("uauau"), 34, &calibration).unwrap().messages.len();
        assert_eq!(kept(Calibration::default()), 3);
        assert_eq!(kept(learned(984, 2_984)), 1);
        assert_eq!(kept(learned(984, 684)), 5);
    }

    #[test]
    fn a_question_that_only_seems_too_long_is_asked_alone() {
        let asked = fit(talk("uau"), 16, &learned(984, 3_984)).unwrap();
        assert_eq!(asked.messages.len(), 1);
        assert!(fit(talk("uau"), 14, &learned(984, 3_984)).is_err());
        assert_eq!(fit(talk("uau"), 14, &learned(984, 684)).unwrap().messages.len(), 1, "less than our count");
    }

    #[test]
    fn a_refused_request_loses_history_never_its_prompt() {
        let refused = talk("uauauauau");
        let shorter = shorten(&refused, 10_000, &learned(984, 984)).unwrap();
        assert_eq!(shorter.messages, refused.messages[6..]);
        let shortest = shorten(&shorter, 10_000, &Calibration::default()).unwrap();
        assert_eq!(shortest.messages, refused.messages[8..]);
        assert_eq!(shorten(&shortest, 10_000, &Calibration::default()), None);
    }

    proptest! {
        #[test]
        fn what_stays_is_a_whole_suffix_that_fits(
            turns in proptest::collection::vec((any::<bool>(), 0usize..200), 1..40),
            window in 0u32..3000,
            max_tokens in 0u32..500,
        ) {
            let messages: Vec<PromptMessage> = turns.iter().map(|(user, length)| {
                past(if *user { Author::User } else { Author::Assistant }, &"x".repeat(*length))
            }).collect();
            let request = Request { messages: messages.clone(), max_tokens, system: Some("be kind".to_owned()), ..asking("") };
            match fit(request, window, &Calibration::default()) {
                Ok(cut) => {
                    prop_assert!(messages.ends_with(&cut.messages) && !cut.messages.is_empty());
                    prop_assert!(cut.messages.len() == 1 || cut.messages[0].author == Author::User);
                    let tokens: u64 = cut.messages.iter().map(|past| cost(&past.text)).sum();
                    prop_assert!(tokens + cost("be kind") + u64::from(max_tokens) <= u64::from(window));
                }
                Err(TooLong { tokens, room }) => prop_assert!(tokens > room),
            }
        }
    }
}
