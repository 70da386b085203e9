//! Guessing how many tokens a text has, where no provider says.

/// One token for every four bytes of UTF-8, rounded up: near what the large models' tokenisers make of English prose, and
/// on the high side for most other scripts, which is the safe side for budgets.
pub fn estimate_tokens(text: &str) -> u64 {
    (text.len() as u64).div_ceil(4)
}
