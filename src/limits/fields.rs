//! The fields that make up a subject's state. Both homes have the same ones, under the same names:
//!
//! | field | value | means nothing after |
//! |---|---|---|
//! | `tat:<rule>` | GCRA's theoretical arrival time, µs | itself |
//! | `lease:<rule>:<turn>` | when the lease ends, µs | itself |
//! | `spent:<rule>:<window>` | settled amount; the window is its first second since 1970 | the window's end |
//! | `reserved:<rule>:<window>:<turn>` | worst case of a running turn | the window's end |
//! | `violation:<rule>:count`, `:last`, `:until` | refusals, the last one, its end of waiting, µs | 24 h after the last |
//!
//! A reservation does not end with the lease: a turn may outlive a Redis outage, and is charged all the same. One whose
//! replica died is settled by whoever marks the turn as interrupted.

use std::collections::BTreeMap;

use crate::model::{Counter, Counters};

pub(super) type Fields = BTreeMap<String, Counter>;

pub(super) const VIOLATION_US: i64 = 24 * 60 * 60 * 1_000_000;

pub(super) fn tat(rule: &str) -> String {
    format!("tat:{rule}")
}

pub(super) fn lease(rule: &str, member: &str) -> String {
    format!("lease:{rule}:{member}")
}

pub(super) fn spent(rule: &str, window: i64) -> String {
    format!("spent:{rule}:{window}")
}

pub(super) fn reserved(rule: &str, window: i64, member: &str) -> String {
    format!("reserved:{rule}:{window}:{member}")
}

pub(super) fn violation(rule: &str, part: &str) -> String {
    format!("violation:{rule}:{part}")
}

/// A subject's fields; none is the same as an empty set.
pub(super) fn of<'a>(counters: &'a Counters, subject: &str) -> &'a Fields {
    static NONE: Fields = BTreeMap::new();
    counters.get(subject).unwrap_or(&NONE)
}

/// Forgets what means nothing any more.
pub(super) fn expire(now_us: i64, counters: &mut Counters) {
    counters.values_mut().for_each(|fields| fields.retain(|_, counter| counter.expires_us > now_us));
}

pub(super) fn value(fields: &Fields, name: &str) -> Option<i64> {
    fields.get(name).map(|counter| counter.value)
}

/// All fields whose name begins so.
pub(super) fn with_prefix<'a>(fields: &'a Fields, prefix: &'a str) -> impl Iterator<Item = (&'a String, &'a Counter)> {
    fields.range(prefix.to_owned()..).take_while(move |(name, _)| name.starts_with(prefix))
}

/// A turn's reservation under a rule, whichever window it was made in: its field, and that window's part of the name.
pub(super) fn reservation(fields: &Fields, rule: &str, member: &str) -> Option<(String, Counter, i64)> {
    let (prefix, suffix) = (format!("reserved:{rule}:"), format!(":{member}"));
    with_prefix(fields, &prefix).find_map(|(name, counter)| {
        let window = name.strip_prefix(&prefix)?.strip_suffix(&suffix)?.parse().ok()?;
        Some((name.clone(), *counter, window))
    })
}
