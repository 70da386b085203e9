//! Counters written by a clock that was ahead and has been corrected: a time further off than any window. They do not
//! count, and are dropped where they are met, else they would block their subject for as long as the clock was wrong.
//! `ahead.lua` does the same for Redis.

use super::{
    fields::{self, Fields},
    request::Check,
    rule::{Kind, interval_us},
};
use crate::model::{CounterState, LEASE};

/// Drops such counters. `counters` hold nothing that has expired.
pub(super) fn forget_ahead(now_us: i64, checks: &[Check], counters: &mut CounterState) {
    for check in checks {
        if let Some(fields) = counters.of.get_mut(&check.subject.to_string()) {
            forget_of(now_us, check, fields);
        }
    }
}

fn forget_of(now_us: i64, check: &Check, fields: &mut Fields) {
    let rule = &check.rule.name;
    match check.rule.kind {
        Kind::Messages { window } => {
            let name = fields::tat(rule);
            let pace = interval_us(window, check.rule.max);
            let longest = pace.saturating_mul(check.rule.most().max(1));
            if fields.get(&name).is_some_and(|tat| tat.expires_us - now_us > longest + rounding(longest, tat.value)) {
                fields.remove(&name);
            }
        }
        Kind::Turns => {
            let latest = now_us + i64::try_from(LEASE.as_micros()).unwrap_or(0);
            let prefix = fields::lease(rule, "");
            fields.retain(|name, lease| !name.starts_with(&prefix) || lease.expires_us <= latest);
        }
        Kind::Tokens { .. } | Kind::Cost { .. } => {
            let (spent, reserved) = (format!("spent:{rule}:"), format!("reserved:{rule}:"));
            let begins_later = |name: &str| {
                let window = name.strip_prefix(&spent).or_else(|| name.strip_prefix(&reserved))?;
                let start: i64 = window.split(':').next()?.parse().ok()?;
                Some(start.saturating_mul(1_000_000) > now_us)
            };
            fields.retain(|name, _| begins_later(name) != Some(true));
        }
    }
}

/// The tolerance for intervals that are rounded up, of a full window at another pace.
fn rounding(longest: i64, pace: i64) -> i64 {
    if pace > 1 { longest / pace * 2 } else { 0 }
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use super::*;
    use crate::{
        config::Per,
        limits::{LimitRequest, ReplyLength, Rule, Subject, Verdict, decide, rule::Period},
        model::{LEASE, TurnId, UserId},
    };

    const NOW: i64 = 1_795_827_579_000_000;
    const DAY: i64 = 86_400_000_000;

    #[test]
    fn nothing_beyond_a_window_counts() {
        let messages = |secs| Kind::Messages { window: Duration::from_secs(secs) };
        let kinds = [messages(60), messages(3_600), messages(86_400), Kind::Turns]
            .into_iter()
            .chain([Kind::Tokens { period: Period::Day }, Kind::Cost { period: Period::Month }]);
        for kind in kinds {
            let rule = Arc::new(Rule { name: "it".to_owned(), per: Per::User, max: 1, kind });
            let subject = Subject::User(UserId::new());
            let mut counters = CounterState::default();
            let mut admits = |now_us| {
                let check = Check { amount: 1, ..Check::of(subject.clone(), Arc::clone(&rule)) };
                let request = LimitRequest::for_turn(TurnId::new(), LEASE, vec![check], ReplyLength::default());
                matches!(decide(now_us, &request, &mut counters), Verdict::Admitted { .. })
            };
            assert!(admits(NOW + 40 * DAY), "{kind:?}: the clock is ahead");
            assert!(!admits(NOW + 40 * DAY), "{kind:?}");
            assert!(admits(NOW), "{kind:?}: it was put right");
            assert!(!admits(NOW), "{kind:?}");
        }
    }
}
