//! What became of our estimate of one call's input.

use serde::{Deserialize, Serialize};

/// One call of a conversation, as far as its input goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CountedInput {
    /// By our rule, in tokens.
    pub estimated: u64,
    /// By the provider, if it said.
    pub counted: Option<u64>,
    /// What input and output came to, by the provider or by us.
    pub used: Option<u64>,
    /// The provider refused it as more than the model can read.
    pub was_too_long: bool,
}

impl CountedInput {
    /// How many user messages back they are looked for.
    pub const MESSAGES: i64 = 16;
}
