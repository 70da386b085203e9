//! Clearing what limits have counted. The audit row comes first, together with what the database has counted; Redis cannot
//! join a transaction, so what goes wrong there is a second row. From when on use counts again is written down with it, so
//! that what was forgiven is not restored later.

use serde_json::{Value, json};

use super::{
    super::{Admin, App, Error, Result},
    login_prefixes,
};
use crate::{
    clock,
    limits::{self, Subject},
    store::AuditEntry,
};

/// The target of the audit row.
const ALL_SUBJECTS: &str = "all";

impl App {
    /// Clears every kind of counter of a user, the violations too, or only what one rule counts; and tells of how many
    /// subjects (account, login names, keys) there was something.
    pub async fn reset_limits(&self, admin: &Admin, named: &str, rule: Option<&str>) -> Result<u64> {
        let user = self.find_account(named).await?.user;
        let rule = rule.map(|rule| self.rule(rule)).transpose()?.map(|rule| rule.name.as_str());
        let subjects = self.subjects_of(&user).await?;
        let prefixes = login_prefixes(&user);
        let mut names: Vec<String> = subjects.iter().map(Subject::to_string).collect();
        names.extend(self.store.counted_like(&prefixes).await?);
        let target = format!("user:{}", user.username);
        let mut tx = self.store.audited().await?;
        let mut found = tx.change_counters(&names, |_, counters| limits::forget(rule, counters)).await?;
        found.extend(tx.forget_violations(&names, rule).await?);
        tx.note_resets(&names, rule, clock::now()).await?;
        found.sort_unstable();
        found.dedup();
        let after = json!({ "rule": rule, "subjects": names });
        let entry = AuditEntry { after: Some(after), ..admin.entry("ratelimit.reset", &target) };
        if !self.enact(admin, tx, &entry).await? {
            return Ok(0);
        }
        match self.limits.counters.reset_in_redis(&subjects, &prefixes, rule).await {
            Ok(more) => Ok(found.len() as u64 + more),
            Err(error) => Err(self.note_failed_reset(admin, &target, rule, error.into()).await),
        }
    }

    /// Clears the counters of all subjects: users, names, keys, addresses and all together.
    pub async fn reset_all_limits(&self, admin: &Admin, rule: Option<&str>) -> Result<u64> {
        let rule = rule.map(|rule| self.rule(rule)).transpose()?.map(|rule| rule.name.as_str());
        let mut tx = self.store.audited().await?;
        let mut violators = tx.forget_all_violations(rule).await?;
        tx.note_reset_of_all(rule, clock::now()).await?;
        violators.sort_unstable();
        violators.dedup();
        let after = rule.map(|rule| json!({ "rule": rule }));
        let entry = AuditEntry { after, ..admin.entry("ratelimit.reset", ALL_SUBJECTS) };
        if !self.enact(admin, tx, &entry).await? {
            return Ok(0);
        }
        match self.limits.counters.reset_all(rule, violators).await {
            Ok(count) => Ok(count),
            Err(error) => Err(self.note_failed_reset(admin, ALL_SUBJECTS, rule, error.into()).await),
        }
    }

    /// The second row: what the first one announced did not happen, or not all of it.
    async fn note_failed_reset(&self, admin: &Admin, target: &str, rule: Option<&str>, error: Error) -> Error {
        let entry = AuditEntry {
            outcome: error.code(),
            after: rule.map(|rule| -> Value { json!({ "rule": rule }) }),
            ..admin.entry("ratelimit.reset_failed", target)
        };
        let written = async { self.store.audited().await?.commit(&entry).await };
        if let Err(unwritten) = written.await {
            tracing::error!(error = %unwritten, target = target, "that a reset has failed could not be written to the audit log");
        }
        error
    }
}
