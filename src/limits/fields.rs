//! The fields of a subject's state, the same in both counter backends:
//!
//! | field | value | means nothing after |
//! |---|---|---|
//! | `tat:<rule>` | the interval that it was computed with, µs | GCRA's theoretical arrival time |
//! | `lease:<rule>:<turn>` | when the lease ends, µs | itself |
//! | `spent:<rule>:<window>` | settled amount; the window is its first second since 1970 | the window's end |
//! | `reserved:<rule>:<window>:<turn>` | worst case of a running turn | the window's end |
//! | `restored` | the epoch of the data | until when the subject is trusted (`restore`) |
//!
//! An arrival time gives the messages in use only together with its interval, and a rule's maximum may change (by an
//! override, by the configuration). Then the number of messages in use stays.
//!
//! A reservation does not end with the lease: a turn may outlive a Redis outage, and is charged all the same. One whose
//! replica died is settled by the replica that finds it (`orphaned_reservations`).

use std::collections::BTreeMap;

use crate::model::{Counter, CounterState};

pub(super) type Fields = BTreeMap<String, Counter>;

/// The mark of a restored subject.
pub(super) const RESTORED: &str = "restored";

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

/// Whether a field belongs to a rule. A rule's name has no `:`.
fn is_of(field: &str, rule: &str) -> bool {
    field.split(':').nth(1) == Some(rule)
}

/// Removes all counters, or those of one rule, and returns the subjects that had any.
pub fn forget(rule: Option<&str>, counters: &mut CounterState) -> Vec<String> {
    let mut found = Vec::new();
    for (subject, fields) in &mut counters.of {
        let counted = |fields: &Fields| fields.keys().filter(|field| *field != RESTORED).count();
        let before = counted(fields);
        fields.retain(|field, _| rule.is_some_and(|rule| !is_of(field, rule)));
        if counted(fields) < before {
            found.push(subject.clone());
        }
    }
    found
}

/// A subject's fields; empty if there are none.
pub(super) fn of<'a>(counters: &'a CounterState, subject: &str) -> &'a Fields {
    static NONE: Fields = BTreeMap::new();
    counters.of.get(subject).unwrap_or(&NONE)
}

/// Removes expired fields.
pub(super) fn expire(now_us: i64, counters: &mut CounterState) {
    counters.of.values_mut().for_each(|fields| fields.retain(|_, counter| counter.expires_us > now_us));
}

pub(super) fn value(fields: &Fields, name: &str) -> Option<i64> {
    fields.get(name).map(|counter| counter.value)
}

/// All fields with this prefix.
pub(super) fn with_prefix<'a>(fields: &'a Fields, prefix: &'a str) -> impl Iterator<Item = (&'a String, &'a Counter)> {
    fields.range(prefix.to_owned()..).take_while(move |(name, _)| name.starts_with(prefix))
}

/// A turn's reservation under a rule, in any window: its field, the counter, and the window in the name.
pub(super) fn reservation(fields: &Fields, rule: &str, member: &str) -> Option<(String, Counter, i64)> {
    let (prefix, suffix) = (format!("reserved:{rule}:"), format!(":{member}"));
    with_prefix(fields, &prefix).find_map(|(name, counter)| {
        let window = name.strip_prefix(&prefix)?.strip_suffix(&suffix)?.parse().ok()?;
        Some((name.clone(), *counter, window))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forgetting_a_rule_spares_one_that_begins_like_it() {
        let counter = Counter { value: 1, expires_us: 2 };
        let names = [
            "tat:turns",
            "lease:turns:x",
            "spent:turns:0",
            "reserved:turns:0:x",
            "tat:turns-here",
            "lease:turns-here:x",
        ];
        let fields: Fields = names.map(|name| (name.to_owned(), counter)).into();
        let mut counters = CounterState { of: [("user:x".to_owned(), fields)].into(), violations: Vec::new() };
        assert_eq!(forget(Some("turns"), &mut counters), ["user:x"]);
        assert!(forget(Some("turns"), &mut counters).is_empty());
        let left: Vec<_> = counters.of["user:x"].keys().cloned().collect();
        assert_eq!(left, ["lease:turns-here:x", "tat:turns-here"]);
        forget(None, &mut counters);
        assert!(counters.of["user:x"].is_empty());
    }
}
