//! What the database knows of a subject's use, to restore counters from: the question, rule by rule, and its answer. Times
//! in microseconds since 1970, amounts as limits count them.

use super::{KeyId, TurnId, UserId};

/// What stored use is found by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CountedBy {
    User(UserId),
    Key(KeyId),
    /// As `attempts.address` has it.
    Address(String),
    Global,
}

/// What a rule counts of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counting {
    /// At a pace of one every `interval_us`.
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
pub struct UseQuestion {
    pub by: CountedBy,
    /// The subject as `limit_resets` names it.
    pub subject: String,
    pub now_us: i64,
    /// Turns that hold leases or reservations: have they ended?
    pub turns: Vec<TurnId>,
    /// The rules' names, and what they count.
    pub rules: Vec<(String, Counting)>,
}

#[derive(Clone, Debug, Default)]
pub struct StoredUse {
    pub running: Vec<RunningUse>,
    /// Of the turns asked about.
    pub ended: Vec<TurnId>,
    /// In the order of the rules.
    pub rules: Vec<RuleUse>,
}

/// A running turn, and the worst case that it was admitted with.
#[derive(Clone, Copy, Debug, sqlx::FromRow)]
pub struct RunningUse {
    pub turn: TurnId,
    pub tokens: i64,
    pub cost: i64,
}

#[derive(Clone, Copy, Debug, Default)]
pub struct RuleUse {
    /// What began before it does not count: the window began then, or the counter was reset.
    pub since_us: i64,
    /// Settled tokens or cost; of messages the time until all of them are free again, which may have passed (below 0).
    pub amount: i64,
}
