//! A limit's counters as both homes keep them: a subject (whom they count) with named fields.

use std::collections::BTreeMap;

/// One number of one subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counter {
    pub value: i64,
    /// Microseconds since 1970; from then on the field means nothing and may be deleted.
    pub expires_us: i64,
}

/// Subject → field → counter. The names are `limits`' own; whoever stores them does not read them.
pub type Counters = BTreeMap<String, BTreeMap<String, Counter>>;
