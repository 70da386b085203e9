//! Cutting a conversation to what a model can read. Pure: what is dropped depends on nothing but the arguments.

use std::ops::Range;

use super::{Request, estimate_tokens};
use crate::model::Author;

/// What every message costs besides its text: its role and the marks around it.
const PER_MESSAGE: u64 = 4;

/// The question and the system prompt alone are more than the model can read.
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
/// An exchange is a question with what answered it; it stays or goes as a whole, and what stays is the newest, without gaps. The last
/// message is the question itself and always stays. Answers before the first question belong to none and are dropped.
/// Tokens are counted by the rule of [`estimate_tokens`], plus four for each message.
pub fn fit(mut request: Request, context_window: u32) -> Result<Request, TooLong> {
    let room = u64::from(context_window).saturating_sub(request.max_tokens.into());
    let Some((question, history)) = request.messages.split_last() else {
        return Ok(request);
    };
    let system = request.system.as_deref().map_or(0, cost);
    let mut tokens = system + cost(&question.text);
    if tokens > room {
        return Err(TooLong { tokens, room });
    }
    let mut keep_from = history.len();
    for exchange in exchanges(&request).into_iter().rev() {
        tokens += history[exchange.clone()].iter().map(|past| cost(&past.text)).sum::<u64>();
        if tokens > room {
            break;
        }
        keep_from = exchange.start;
    }
    request.messages.drain(..keep_from);
    Ok(request)
}

fn cost(text: &str) -> u64 {
    estimate_tokens(text) + PER_MESSAGE
}

/// Where each exchange before the question lies.
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
            Past,
            request::tests::{asking, past},
        },
        *,
    };

    /// Every text here costs five tokens.
    fn talk(script: &str) -> Request {
        let messages = script
            .chars()
            .enumerate()
            .map(|(i, c)| past(if c == 'u' { Author::User } else { Author::Assistant }, &format!("{c}{i:02}.")));
        Request { messages: messages.collect(), max_tokens: 10, ..asking("") }
    }

    fn kept(script: &str, window: u32) -> usize {
        fit(talk(script), window).unwrap().messages.len()
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
    fn a_question_that_can_never_fit_is_told_with_both_numbers() {
        let request = Request { system: Some("abcd".to_owned()), ..talk("uau") };
        assert_eq!(fit(request, 19), Err(TooLong { tokens: 10, room: 9 }));
    }

    #[test]
    fn a_small_exchange_behind_a_big_one_does_not_jump_the_gap() {
        let mut request = talk("uauau");
        request.messages[3].text = "x".repeat(400);
        assert_eq!(fit(request, 60).unwrap().messages.len(), 1);
    }

    proptest! {
        #[test]
        fn what_stays_is_a_whole_suffix_that_fits(
            turns in proptest::collection::vec((any::<bool>(), 0usize..200), 1..40),
            window in 0u32..3000,
            max_tokens in 0u32..500,
        ) {
            let messages: Vec<Past> = turns.iter().map(|(user, length)| {
                past(if *user { Author::User } else { Author::Assistant }, &"x".repeat(*length))
            }).collect();
            let request = Request { messages: messages.clone(), max_tokens, system: Some("be kind".to_owned()), ..asking("") };
            match fit(request, window) {
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
