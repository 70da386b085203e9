//! How much of a conversation a model has room for.

use super::estimate_tokens;

/// What a message costs beyond its text: its role and its separators.
const PER_MESSAGE: u64 = 4;

/// A model's room, in tokens.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    /// Question and answer together.
    pub context_window: u32,
    /// Kept free for the reply.
    pub max_output: u32,
}

/// The newest questions and answers that fit beside the instructions, the new question and the longest reply. The oldest
/// go first, and a question never goes without its answer.
pub fn fit<'a>(
    history: &'a [(String, String)],
    budget: Budget,
    system: Option<&str>,
    question: &str,
) -> &'a [(String, String)] {
    let cost = |text: &str| estimate_tokens(text) + PER_MESSAGE;
    let taken = u64::from(budget.max_output) + cost(question) + system.map_or(0, cost);
    let mut room = u64::from(budget.context_window).saturating_sub(taken);
    let mut first = history.len();
    for (place, (question, answer)) in history.iter().enumerate().rev() {
        let Some(left) = room.checked_sub(cost(question) + cost(answer)) else { break };
        (room, first) = (left, place);
    }
    &history[first..]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_kept_is_the_longest_newest_part_that_fits(
            sizes in proptest::collection::vec((0_usize..200, 0_usize..200), 0..20),
            window in 0_u32..500,
            max_output in 0_u32..100,
        ) {
            let history: Vec<_> = sizes.iter().map(|(q, a)| ("q".repeat(*q), "a".repeat(*a))).collect();
            let kept = fit(&history, Budget { context_window: window, max_output }, Some("be brief"), "why?");
            let cost = |text: &str| estimate_tokens(text) + PER_MESSAGE;
            let fixed = u64::from(max_output) + cost("be brief") + cost("why?");
            let total = |pairs: &[(String, String)]| fixed + pairs.iter().map(|(q, a)| cost(q) + cost(a)).sum::<u64>();
            prop_assert_eq!(kept, &history[history.len() - kept.len()..]);
            prop_assert!(kept.is_empty() || total(kept) <= u64::from(window));
            if kept.len() < history.len() {
                prop_assert!(total(&history[history.len() - kept.len() - 1..]) > u64::from(window));
            }
        }
    }
}
