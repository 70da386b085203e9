//! Refused administrative attempts in the audit log: one row each, up to a few per account and minute; further ones are
//! counted, and the count is a row, so that a flood cannot fill the log.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use parking_lot::Mutex;
use serde_json::json;

use crate::{
    app::{App, Caller, Origin, identity::caller::user_entry},
    clock,
    store::{AuditEntry, Surface},
};

/// Rows that one account can add in a minute.
const ROWS: u32 = 10;
const WINDOW: TimeDelta = TimeDelta::minutes(1);
/// Accounts counted one by one; all others share one count.
const ACCOUNTS: usize = 1_000;

#[derive(Default)]
pub struct Refusals(Mutex<BTreeMap<String, RefusalWindow>>);

/// The attempts of one account within a window.
struct RefusalWindow {
    since: DateTime<Utc>,
    count: u32,
}

impl Refusals {
    /// Counts an attempt; `true` if it gets a row.
    fn admits(&self, actor: &str, now: DateTime<Utc>) -> bool {
        let mut spells = self.0.lock();
        let is_known = spells.contains_key(actor) || spells.len() < ACCOUNTS;
        let spell = spells
            .entry(if is_known { actor } else { "others" }.to_owned())
            .or_insert(RefusalWindow { since: now, count: 0 });
        spell.count += 1;
        spell.count <= ROWS
    }

    /// Closes the windows begun by `before`; returns the accounts with attempts without a row, and their number.
    fn over(&self, before: DateTime<Utc>) -> Vec<(String, u32)> {
        let mut spells = self.0.lock();
        let (over, still) = std::mem::take(&mut *spells).into_iter().partition(|(_, spell)| spell.since <= before);
        *spells = still;
        let over: BTreeMap<String, RefusalWindow> = over;
        let unwritten = over.into_iter().map(|(actor, spell)| (actor, spell.count.saturating_sub(ROWS)));
        unwritten.filter(|(_, count)| *count > 0).collect()
    }
}

impl App {
    /// Records a refused act of administration, named by its route: `POST /api/v1/admin/users`. The refusal stands even
    /// if it cannot be recorded.
    pub async fn record_refused_admin(&self, caller: &Caller, origin: &Origin, attempt: &str) {
        self.metrics.admin_actions_total.with_label_values(&["admin.refused"]).inc();
        let username = &caller.user().username;
        if !self.audit.refusals.admits(&format!("user:{username}"), clock::now()) {
            return;
        }
        let mut entry = user_entry(username, origin, "admin.refused", "forbidden");
        entry.target = Some(format!("route:{attempt}"));
        self.record(&entry).await;
    }

    /// Records the counts of the windows that are over.
    pub(in crate::app) async fn record_refusals(&self) {
        self.record_counts(clock::now() - WINDOW).await;
    }

    /// Records all counts, before the process ends.
    pub(super) async fn record_last_refusals(&self) {
        self.record_counts(clock::now()).await;
    }

    async fn record_counts(&self, before: DateTime<Utc>) {
        for (actor, count) in self.audit.refusals.over(before) {
            self.record(&AuditEntry {
                at: clock::now(),
                actor: "system".into(),
                surface: Surface::System,
                address: None,
                action: "admin.refused_more",
                target: Some(actor),
                outcome: "forbidden",
                reason: None,
                before: None,
                after: Some(json!({ "count": count })),
                request_id: None,
            })
            .await;
        }
    }

    async fn record(&self, entry: &AuditEntry) {
        let written = async { self.store.audited().await?.commit(entry).await };
        if let Err(error) = written.await {
            tracing::warn!(%error, actor = entry.actor, "a refused administrative attempt could not be written to the audit log");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_attempts_is_a_few_rows_and_a_count() {
        let (refusals, now) = (Refusals::default(), clock::now());
        let admitted = (0..500).filter(|_| refusals.admits("user:eve", now)).count();
        assert_eq!(admitted, 10);
        assert!(refusals.admits("user:bob", now));
        assert!(refusals.over(now - WINDOW).is_empty());
        assert_eq!(refusals.over(now), [("user:eve".to_owned(), 490)]);
        assert!(refusals.over(now).is_empty());
        assert!(refusals.admits("user:eve", now));
    }

    #[test]
    fn what_is_remembered_of_attempts_is_bounded() {
        let (refusals, now) = (Refusals::default(), clock::now());
        for account in 0..5_000 {
            refusals.admits(&format!("user:{account}"), now);
        }
        assert!(refusals.0.lock().len() <= ACCOUNTS + 1);
    }
}
