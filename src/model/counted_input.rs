//! Estimated and actual input of a provider call.

use serde::{Deserialize, Serialize};

/// The input of one provider call of a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CountedInput {
    /// Our estimate, in tokens.
    pub estimated: u64,
    /// By the provider, if reported.
    pub counted: Option<u64>,
    /// Input and output together, by the provider or by us.
    pub used: Option<u64>,
    /// The provider refused it as more than the model can read.
    pub was_too_long: bool,
}

impl CountedInput {
    /// How many user messages back the calls are read.
    pub const MESSAGES: i64 = 16;
}
