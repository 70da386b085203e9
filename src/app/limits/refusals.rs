//! Single refusals: what a `decision_id` or a request id leads to. A refusal must stay as cheap as it is, so it only puts
//! itself into a queue of this process, which upkeep writes to the database in batches. The queue is bounded for each
//! subject and rule, and as a whole: a flood of refusals costs their records, never memory.

use std::collections::{HashMap, VecDeque};

use chrono::{DateTime, Utc};
use parking_lot::Mutex;
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    super::{Admin, App, Error, Refused, Result},
    Amount,
    view::counted,
    violations::Names,
};
use crate::{
    clock,
    limits::{Kind, Refusal},
    model::{DecisionId, LimitRefusal, UserId},
};

/// How many wait to be written.
const MOST_WAITING: usize = 2_000;

/// A refusal as it was decided.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = LimitRefusal)]
pub struct RefusalView {
    pub decision_id: DecisionId,
    pub request_id: String,
    pub at: DateTime<Utc>,
    /// Who was refused, like `user:ada`, `key:mck_7h2kq9xw4bnr`, `name:ada`, `address:192.0.2.7` or `global`.
    pub subject: String,
    /// The account, where it is one's.
    pub user_id: Option<UserId>,
    pub username: Option<String>,
    pub rule: String,
    /// What the rule counts: `messages`, `tokens`, `cost` or `turns`.
    pub count: String,
    pub limit: Amount,
    pub used: Amount,
    /// The worst case of the turns that ran.
    pub reserved: Amount,
    /// What the request asked for: of tokens and cost its worst case.
    pub requested: Amount,
    /// When it would have been admitted; `null`: never.
    pub retry_after_secs: Option<i64>,
    /// The problem's code.
    pub code: &'static str,
}

/// Refusals that are still to be written.
#[derive(Default)]
pub(super) struct RefusalQueue(Mutex<Waiting>);

#[derive(Default)]
struct Waiting {
    /// By subject and rule, the oldest first.
    refusals: HashMap<(String, String), VecDeque<LimitRefusal>>,
    count: usize,
    /// There was no place for so many.
    dropped: u64,
}

impl RefusalQueue {
    pub(super) fn note(&self, told: &Refused, refusal: &Refusal, kind: Kind, request_id: &str) {
        let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        self.push(LimitRefusal {
            id: told.decision_id,
            request_id: request_id.to_owned(),
            subject: refusal.subject.to_string(),
            rule: refusal.rule.clone(),
            counted: counted(kind).to_owned(),
            at_us: clock::now().timestamp_micros(),
            max: number(refusal.limit),
            used: number(refusal.used),
            reserved: number(refusal.reserved),
            requested: number(refusal.reservation),
            retry_after_secs: refusal.retry_after_secs().map(number),
        });
    }

    fn push(&self, one: LimitRefusal) {
        let mut waiting = self.0.lock();
        let Waiting { refusals, count, dropped } = &mut *waiting;
        let key = (one.subject.clone(), one.rule.clone());
        if let Some(own) = refusals.get_mut(&key).filter(|own| own.len() >= LimitRefusal::KEPT_PER_SUBJECT) {
            own.pop_front();
            own.push_back(one);
        } else if *count < MOST_WAITING {
            refusals.entry(key).or_default().push_back(one);
            *count += 1;
        } else {
            *dropped += 1;
        }
    }

    /// All that wait, and how many there was no place for.
    fn take(&self) -> (Vec<LimitRefusal>, u64) {
        let waiting = std::mem::take(&mut *self.0.lock());
        (waiting.refusals.into_values().flatten().collect(), waiting.dropped)
    }
}

impl App {
    /// Writes what waits. While the database is away it goes on waiting, within the queue's bounds.
    pub(in crate::app) async fn write_refusals(&self) {
        let (refusals, dropped) = self.limits.refusals.take();
        if dropped > 0 {
            tracing::warn!(
                count = dropped,
                "limits refused more than can be recorded one by one; the rest is only counted"
            );
        }
        if !refusals.is_empty() && self.store.add_refusals(&refusals).await.is_err() {
            refusals.into_iter().for_each(|one| self.limits.refusals.push(one));
        }
    }

    /// What a decision id or a request id leads to; the latest first.
    pub async fn refusals(&self, _: &Admin, id: &str) -> Result<Vec<RefusalView>> {
        // Ids of requests are plain text; anything else has none, and a database may refuse to look for it.
        let is_plain = id.bytes().all(|byte| byte.is_ascii_graphic());
        let found = if is_plain { self.store.refusals(id.parse().ok(), id).await? } else { Vec::new() };
        if found.is_empty() {
            return Err(Error::not_found("refusal", id));
        }
        let names = Names::of(self, found.iter().map(|one| one.subject.as_str())).await?;
        Ok(found.into_iter().map(|one| view(one, &names)).collect())
    }
}

fn view(one: LimitRefusal, names: &Names) -> RefusalView {
    let (subject, owner) = names.of_subject(one.subject);
    let (user_id, username) = owner.unzip();
    let amount = |number: i64| Amount::counted(&one.counted, number.unsigned_abs());
    RefusalView {
        decision_id: one.id,
        at: DateTime::from_timestamp_micros(one.at_us).unwrap_or_default(),
        subject,
        user_id,
        username,
        limit: amount(one.max),
        used: amount(one.used),
        reserved: amount(one.reserved),
        requested: amount(one.requested),
        retry_after_secs: one.retry_after_secs,
        code: "rate_limited",
        request_id: one.request_id,
        rule: one.rule,
        count: one.counted,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(subject: &str, at_us: i64) -> LimitRefusal {
        LimitRefusal {
            id: DecisionId::new(),
            request_id: "r".to_owned(),
            subject: subject.to_owned(),
            rule: "hourly".to_owned(),
            counted: "messages".to_owned(),
            at_us,
            max: 1,
            used: 1,
            reserved: 0,
            requested: 1,
            retry_after_secs: Some(1),
        }
    }

    #[test]
    fn a_flood_of_one_subject_keeps_only_its_latest() {
        let queue = RefusalQueue::default();
        queue.push(refusal("user:ada", -1));
        (0..10_000).for_each(|at| queue.push(refusal("user:eve", at)));
        let (refusals, dropped) = queue.take();
        let kept: Vec<i64> = refusals.iter().filter(|one| one.subject == "user:eve").map(|one| one.at_us).collect();
        assert_eq!(kept, (9_900..10_000).collect::<Vec<_>>());
        assert_eq!((refusals.len(), dropped), (101, 0));
        assert!(queue.take().0.is_empty());
    }

    #[test]
    fn a_flood_of_made_up_names_is_bounded() {
        let queue = RefusalQueue::default();
        (0..10_000).for_each(|name| queue.push(refusal(&format!("name:{name}"), name)));
        let (refusals, dropped) = queue.take();
        assert_eq!((refusals.len(), dropped), (MOST_WAITING, 8_000));
    }
}
