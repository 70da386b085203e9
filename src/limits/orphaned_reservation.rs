//! Orphaned reservations: not settled, because their replica died, or could not reach the counters when the turn ended.
//! Each backend can list them (Redis keeps notes, because it cannot search; the database searches their fields), and
//! they are settled like any other once the turn's usage is known.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    request::{Check, LimitRequest},
    rule::Rule,
    subject::{REDIS_PREFIX, Subject},
};
use crate::model::TurnId;

/// A turn with reservations of these subjects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrphanedReservation {
    pub turn: TurnId,
    pub subjects: Vec<Subject>,
}

impl OrphanedReservation {
    /// Parses the note that take.lua writes: the turn, and the keys of the subjects.
    pub(super) fn from_note(entry: &str) -> Option<Self> {
        let (turn, keys) = entry.split_once(' ')?;
        let subjects = keys.split(' ').map(|key| key.strip_prefix(REDIS_PREFIX)?.parse().ok());
        Some(Self { turn: turn.parse().ok()?, subjects: subjects.collect::<Option<_>>()? })
    }

    /// Writes that note.
    pub(super) fn entry(&self) -> String {
        let keys = self.subjects.iter().map(|subject| format!(" {}", subject.redis_key()));
        self.turn.to_string() + &keys.collect::<String>()
    }

    /// From reservations in the database: subject and field.
    pub fn among(reservations: impl IntoIterator<Item = (String, String)>) -> Vec<Self> {
        let mut found = BTreeMap::<TurnId, Vec<Subject>>::new();
        for (subject, field) in reservations {
            let turn = field.rsplit_once(':').and_then(|(_, turn)| turn.parse().ok());
            if let (Some(turn), Ok(subject)) = (turn, subject.parse()) {
                let subjects = found.entry(turn).or_default();
                if !subjects.contains(&subject) {
                    subjects.push(subject);
                }
            }
        }
        found.into_iter().map(|(turn, subjects)| Self { turn, subjects }).collect()
    }

    /// The request that settles it: everything it can have reserved under these rules.
    pub(super) fn to_settle(&self, rules: &[Arc<Rule>]) -> LimitRequest {
        let reserves = |rule: &&Arc<Rule>| rule.kind.is_quota();
        let checks = self.subjects.iter().flat_map(|subject| {
            let own = rules.iter().filter(reserves).filter(|rule| subject.is_counted(rule.per));
            own.map(|rule| Check::of(subject.clone(), Arc::clone(rule)))
        });
        LimitRequest::to_settle(self.turn, checks.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::UserId;

    #[test]
    fn a_note_and_the_fields_say_the_same() {
        let (turn, user) = (TurnId::new(), UserId::new());
        let one = OrphanedReservation { turn, subjects: vec![Subject::User(user), Subject::Global] };
        assert_eq!(OrphanedReservation::from_note(&one.entry()), Some(one.clone()));
        assert_eq!(OrphanedReservation::from_note("no turn"), None);
        let field = |rule: &str| format!("reserved:{rule}:1795564800:{turn}");
        let rows =
            [(format!("user:{user}"), field("a")), (format!("user:{user}"), field("b")), ("global".into(), field("a"))];
        assert_eq!(OrphanedReservation::among(rows), [one]);
    }
}
