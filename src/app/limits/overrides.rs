//! Dated overrides of a rule, for one user. They hold on every replica within a second: making one is news about the
//! account, upon which what is remembered of its sessions and keys is read again, overrides included.

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::{
    super::{Admin, App, Error, Result},
    Amount,
};
use crate::{
    config::Per,
    limits::{Kind, Rule},
    model::{Invalid, LimitOverride, StoredOverride, UserId},
    store::AuditEntry,
};

const LONGEST_LIFE: TimeDelta = TimeDelta::days(3653);

/// An override to be set.
#[derive(Debug)]
pub struct OverrideSpec {
    /// In the rule's unit; of cost, US dollars. 0 lets nothing pass.
    pub max: f64,
    /// `None`: until it is taken back.
    pub until: Option<DateTime<Utc>>,
}

/// An override: who set it, and why.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = LimitOverride)]
pub struct OverrideView {
    pub user_id: UserId,
    pub username: String,
    pub rule: String,
    pub max: Amount,
    /// From then on the rule holds as it is; `null`: until it is taken back.
    pub until: Option<DateTime<Utc>>,
    pub reason: String,
    pub set_by: String,
    pub set_at: DateTime<Utc>,
}

impl OverrideView {
    pub(super) fn of(one: &StoredOverride, kind: Kind, username: &str) -> Self {
        Self {
            user_id: one.user_id,
            username: username.to_owned(),
            rule: one.what.rule.clone(),
            max: Amount::of(kind, one.what.max),
            until: one.what.until,
            reason: one.reason.clone(),
            set_by: one.set_by.clone(),
            set_at: one.set_at,
        }
    }
}

impl App {
    /// Holds a user to another maximum than the rule's, in the place of any override there is. The authority has to come
    /// with a reason.
    pub async fn set_override(
        &self,
        admin: &Admin,
        named: &str,
        rule: &str,
        spec: &OverrideSpec,
    ) -> Result<OverrideView> {
        let id = self.find_account(named).await?.user.id;
        let rule = self.users_rule(rule)?;
        let now = self.store.now();
        let max = Amount::parse_max(rule.kind, spec.max)?;
        let until = spec.until.map(|until| until.trunc_subsecs(6));
        check_end(until, now)?;
        let reason = admin.reason().ok_or_else(|| Invalid::new("reason", "must say why this user has an override"))?;
        let mut tx = self.store.audited().await?;
        let user = tx.lock_user(id).await?.ok_or_else(|| Error::not_found("user", named))?;
        let before = tx.remove_override(id, &rule.name).await?;
        let made = StoredOverride {
            user_id: id,
            what: LimitOverride { rule: rule.name.clone(), max, until },
            reason: reason.as_str().to_owned(),
            set_by: admin.actor().to_owned(),
            set_at: now,
        };
        tx.insert_override(&made).await?;
        let entry = AuditEntry {
            before: before.map(|before| described(&before.what, rule.kind)),
            after: Some(described(&made.what, rule.kind)),
            ..admin.entry("ratelimit.set", format!("user:{}", user.username))
        };
        self.enact(admin, tx, &entry).await?;
        Ok(OverrideView::of(&made, rule.kind, &user.username))
    }

    /// Removes an override; `None` if there is none. One from a rule that the configuration has no more can be named too.
    pub async fn unset_override(&self, admin: &Admin, named: &str, rule: &str) -> Result<Option<OverrideView>> {
        let id = self.find_account(named).await?.user.id;
        if !Rule::is_name(rule) {
            self.users_rule(rule)?;
        }
        let mut tx = self.store.audited().await?;
        let user = tx.lock_user(id).await?.ok_or_else(|| Error::not_found("user", named))?;
        let Some(gone) = tx.remove_override(id, rule).await? else {
            self.users_rule(rule)?;
            return Ok(None);
        };
        let kind = self.rule(rule).map_or(Kind::Turns, |rule| rule.kind);
        let entry = AuditEntry {
            before: Some(described(&gone.what, kind)),
            ..admin.entry("ratelimit.unset", format!("user:{}", user.username))
        };
        self.enact(admin, tx, &entry).await?;
        Ok(Some(OverrideView::of(&gone, kind, &user.username)))
    }

    /// A rule that users can be excepted from.
    fn users_rule(&self, name: &str) -> Result<&Rule> {
        let rule = self.rule(name)?;
        if rule.per == Per::User {
            return Ok(rule);
        }
        let names: Vec<_> =
            self.rules().filter(|rule| rule.per == Per::User).map(|rule| format!("`{}`", rule.name)).collect();
        let message = format!(
            "`{name}` does not count per user (`per = \"user\"`), so it can have no override; choose among {}",
            names.join(", ")
        );
        Err(Invalid::new("rule", message).into())
    }
}

fn check_end(until: Option<DateTime<Utc>>, now: DateTime<Utc>) -> Result<()> {
    match until {
        Some(end) if end <= now => Err(Invalid::new("until", "must be in the future").into()),
        Some(end) if end > now + LONGEST_LIFE => {
            let message = "must be within ten years; leave it out for an override without an end";
            Err(Invalid::new("until", message).into())
        }
        _ => Ok(()),
    }
}

/// As the audit log tells of one. Its numbers have no fractions, so dollars are a text.
fn described(what: &LimitOverride, kind: Kind) -> Value {
    let max = match Amount::of(kind, what.max) {
        Amount::Count(count) => json!(count),
        cost @ Amount::Cost(_) => json!(cost.to_string()),
    };
    json!({ "rule": what.rule, "max": max, "until": what.until })
}
