//! Looking at a user's limits, and clearing them.

use serde::Serialize;
use serde_json::json;

use super::{Admin, App, Error, Result, quota::Home};
use crate::{
    config::OnFailure,
    limits::{self, Shown, Subject},
    model::User,
};

/// One rule as it stands for a user.
#[derive(Debug, Serialize)]
pub struct LimitView {
    pub rule: String,
    pub limit: u64,
    pub used: u64,
    pub remaining: u64,
    pub window_secs: Option<u64>,
    /// Until all of it is free again; `null` where that depends on what runs.
    pub reset_secs: Option<u64>,
    /// Refusals in the last 24 hours.
    pub violations: u64,
}

impl App {
    /// Every rule that counts this user, with what is used of it.
    pub async fn show_limits(&self, login: &str) -> Result<(User, Vec<LimitView>)> {
        let user = self.find_account(login).await?.user;
        let mut views = self.limits_of(&Subject::User(user.id), &self.quota.user_rules()).await?;
        let mut logins = Vec::new();
        for name in [Some(user.username.as_str()), user.email.as_deref()].into_iter().flatten() {
            logins.extend(self.limits_of(&Subject::name(name), &self.quota.login_rules()).await?);
        }
        // A user has two names to log in with; the one that is nearer to its limit is told.
        views.extend(logins.into_iter().max_by_key(|view| (view.used, view.violations)));
        Ok((user, views))
    }

    /// Clears every kind of counter of a user and tells how many kinds of subjects had some. The audit row is written
    /// first; if the counters cannot be reached then, a second one says so.
    pub async fn reset_limits(&self, admin: &Admin, login: &str) -> Result<u64> {
        let user = self.find_account(login).await?.user;
        let subjects: Vec<Subject> = [Some(Subject::User(user.id)), Some(Subject::name(&user.username))]
            .into_iter()
            .chain([user.email.as_deref().map(Subject::name)])
            .flatten()
            .collect();
        let target = format!("user:{}", user.username);
        let mut entry = admin.entry("ratelimit.reset", &target);
        let subject_names: Vec<String> = subjects.iter().map(ToString::to_string).collect();
        entry.after = Some(json!({ "subjects": subject_names }));
        if !self.enact(admin, self.store.audited().await?, &entry).await? {
            return Ok(0);
        }
        let mut cleared = 0;
        for subject in &subjects {
            match self.reset_subject(subject).await {
                Ok(count) => cleared += count,
                Err(error) => return Err(self.note_failed_reset(admin, &target, error).await?),
            }
        }
        Ok(cleared)
    }

    /// Clears everybody's counters, of users, names, addresses and all together, and tells how many subjects had some.
    pub async fn reset_all_limits(&self, admin: &Admin) -> Result<u64> {
        let entry = admin.entry("ratelimit.reset", "everybody");
        if !self.enact(admin, self.store.audited().await?, &entry).await? {
            return Ok(0);
        }
        let mut cleared = self.store.reset_counters(None).await?;
        if let Some(redis) = &self.quota.redis {
            cleared += match redis.reset_all().await {
                Ok(count) => count,
                Err(away) => return Err(self.note_failed_reset(admin, "everybody", away.into()).await?),
            };
        }
        Ok(cleared)
    }

    /// The second row: what the first one announced did not happen, or not all of it.
    async fn note_failed_reset(&self, admin: &Admin, target: &str, error: Error) -> Result<Error> {
        let mut entry = admin.entry("ratelimit.reset_failed", target);
        entry.outcome = error.code();
        self.store.audited().await?.commit(&entry).await?;
        Ok(error)
    }

    async fn reset_subject(&self, subject: &Subject) -> Result<u64> {
        let mut cleared = self.store.reset_counters(Some(&subject.to_string())).await?;
        if let Some(redis) = &self.quota.redis {
            cleared += u64::from(redis.reset(subject).await?);
        }
        Ok(cleared)
    }

    async fn limits_of(&self, subject: &Subject, rules: &[std::sync::Arc<limits::Rule>]) -> Result<Vec<LimitView>> {
        let shown = match self.shown_by_redis(subject, rules).await? {
            (Home::Redis, Some(shown)) => shown,
            _ => {
                let key = subject.to_string();
                let (now, counters) = self.store.counters(std::slice::from_ref(&key)).await?;
                limits::show(now, rules, counters.get(&key).unwrap_or(&Default::default()))
            }
        };
        Ok(views(shown))
    }

    async fn shown_by_redis(
        &self,
        subject: &Subject,
        rules: &[std::sync::Arc<limits::Rule>],
    ) -> Result<(Home, Option<Shown>)> {
        let Some(redis) = &self.quota.redis else { return Ok((Home::Database, None)) };
        match redis.show(subject, rules).await {
            Ok(shown) => Ok((Home::Redis, Some(shown))),
            Err(away) if self.quota.on_failure == OnFailure::Refuse => Err(Error::from(away)),
            Err(_) => Ok((Home::Database, None)),
        }
    }
}

fn views(shown: Shown) -> Vec<LimitView> {
    let violations = |rule: &str| shown.violations.iter().filter(|one| one.rule == rule).map(|one| one.count).sum();
    let view = |standing: limits::Standing| LimitView {
        violations: violations(&standing.rule),
        rule: standing.rule,
        limit: standing.limit,
        used: standing.used,
        remaining: standing.remaining,
        window_secs: standing.window_secs,
        reset_secs: standing.reset_secs,
    };
    shown.standings.into_iter().map(view).collect()
}
