//! Stored use of a subject, to restore counters from: the query, rule by rule, and its result. Times in microseconds
//! since 1970, amounts as limits count them.

use super::{KeyId, TurnId, UserId};

/// The attribute that stored use is found by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CountedBy {
    User(UserId),
    Key(KeyId),
    /// As `attempts.address` has it.
    Address(String),
    Global,
}

/// What a rule counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counting {
    /// At a rate of one every `interval_us`.
    Messages {
        interval_us: i64,
        window_us: i64,
    },
    Turns,
    Tokens {
        since_us: i64,
    },
    /// In nano-dollars.
    Cost {
        since_us: i64,
    },
}

#[derive(Clone, Debug)]
pub struct StoredUseQuery {
    pub by: CountedBy,
    /// The subject as `limit_resets` names it.
    pub subject: String,
    pub now_us: i64,
    /// Turns that hold leases or reservations, to be checked for their end.
    pub turns: Vec<TurnId>,
    /// The rules' names, and what they count.
    pub rules: Vec<(String, Counting)>,
}

#[derive(Clone, Debug, Default)]
pub struct StoredUse {
    pub running: Vec<RunningUse>,
    /// The given turns that have ended.
    pub ended: Vec<TurnId>,
    /// In the order of the rules.
    pub rules: Vec<RuleUse>,
}

/// A running turn, and the worst case that was reserved for it.
#[derive(Clone, Copy, Debug, sqlx::FromRow)]
pub struct RunningUse {
    pub turn: TurnId,
    pub tokens: i64,
    pub cost: i64,
}

#[derive(Clone, Copy, Debug, Default)]
pub struct RuleUse {
    /// Use before this does not count: the window began then, or the counter was reset.
    pub since_us: i64,
    /// Settled tokens or cost; of messages the time until all are available again, below 0 if that has passed.
    pub amount: i64,
}
