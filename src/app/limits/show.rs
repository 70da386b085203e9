//! Looking at limits: what the rules are, and what a user has used of them.

use std::sync::Arc;

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    super::{Admin, App, Result},
    Amount, OverrideView,
    enforce::max_override,
    key_label, login_names,
    view::{counted, window},
};
use crate::{
    config::Per,
    limits::{Check, LimitUsage, Rule, Shown, Subject},
    model::{LimitOverride, StoredOverride, User, ViolationSummary},
};

/// How many keys a user can have that count anything.
const MOST_KEYS: u32 = 200;

/// A rule, and where a user is asked for, how they stand.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Limit)]
pub struct LimitView {
    /// Its name.
    pub rule: String,
    /// Whom it counts: `user`, `key`, `address`, `global`; of logins also `name`, `name and address`, or `session`.
    pub per: &'static str,
    /// What it counts: `messages`, `tokens`, `cost` or `turns`.
    pub count: &'static str,
    /// The maximum by the configuration.
    pub max: Amount,
    /// The time it counts over, as in the configuration; `null` for what runs at once.
    pub window: Option<String>,
    /// Who is counted in this row, like `user:ada` or `key:mck_7h2kq9xw4bnr`; `null` where no user was asked for.
    pub subject: Option<String>,
    /// The maximum that holds: of the override, if there is one.
    pub limit: Option<Amount>,
    pub used: Option<Amount>,
    /// The worst case of the turns that run, of tokens and cost; it becomes what they really use when they end.
    pub reserved: Option<Amount>,
    pub remaining: Option<Amount>,
    /// When all of it is free again; `null` where that depends on what runs.
    pub reset_secs: Option<u64>,
    pub resets_at: Option<DateTime<Utc>>,
    /// Refusals, as long as less than 24 hours pass between them.
    pub violations: Option<i64>,
    #[serde(rename = "override")]
    pub max_override: Option<OverrideView>,
}

/// A rule and one whom it counts, with their name for people.
struct Asked {
    check: Check,
    label: String,
    /// Told even if nothing is used.
    is_always_told: bool,
}

impl App {
    /// All rules; or all that count a user, with what is used of them.
    pub async fn show_limits(&self, _: &Admin, named: Option<&str>) -> Result<Vec<LimitView>> {
        match named {
            None => Ok(self.rules().map(|rule| bare_view(rule)).collect()),
            Some(named) => {
                let user = self.find_account(named).await?.user;
                let overrides = self.store.overrides(user.id).await?;
                self.limits_of(&user, &overrides).await
            }
        }
    }

    async fn limits_of(&self, user: &User, overrides: &[StoredOverride]) -> Result<Vec<LimitView>> {
        let asked = self.asked_of(user, overrides).await?;
        let checks: Vec<Check> = asked.iter().map(|asked| asked.check.clone()).collect();
        let Shown { usages, violations } = self.limits.counters.show(&checks).await?;
        let now = self.store.now();
        let told = asked.into_iter().zip(usages).zip(violations).filter(|((asked, usage), violation)| {
            asked.is_always_told || usage.used > 0 || usage.reserved > 0 || violation.is_some()
        });
        let view = |((asked, usage), violation): ((Asked, LimitUsage), Option<ViolationSummary>)| {
            let rule = &asked.check.rule;
            let is_it =
                |one: &&StoredOverride| rule.per == Per::User && one.what.rule == rule.name && is_alive(one, now);
            let max_override = overrides.iter().find(is_it).map(|one| OverrideView::of(one, rule.kind, &user.username));
            let about = LimitView { subject: Some(asked.label), max_override, ..bare_view(rule) };
            with_standing(about, rule, &usage, violation.as_ref(), now)
        };
        Ok(told.map(view).collect())
    }

    /// Every rule with everyone it counts who is this user.
    async fn asked_of(&self, user: &User, overrides: &[StoredOverride]) -> Result<Vec<Asked>> {
        let keys = self.store.keys(Some(user.id), None, MOST_KEYS).await?.items;
        let overrides: Vec<LimitOverride> = overrides.iter().map(|one| one.what.clone()).collect();
        let ask = |rule: &Arc<Rule>, subject: Subject, label: String, is_always_told: bool| {
            let max_override = max_override(rule, &overrides);
            Asked { check: Check { max_override, ..Check::of(subject, Arc::clone(rule)) }, label, is_always_told }
        };
        let mut asked = Vec::new();
        for rule in self.rules() {
            if Arc::ptr_eq(rule, &self.limits.logins.name) {
                let own = Subject::name(&user.username);
                asked.extend(login_names(user).map(|name| {
                    let (label, is_own) = (name.to_string(), name == own);
                    ask(rule, name, label, is_own)
                }));
                continue;
            }
            match rule.per {
                Per::User => asked.push(ask(rule, Subject::User(user.id), format!("user:{}", user.username), true)),
                Per::Key => asked.extend(
                    keys.iter().map(|owned| ask(rule, Subject::Key(owned.key.id), key_label(&owned.key.prefix), false)),
                ),
                Per::Global => asked.push(ask(rule, Subject::Global, "global".into(), true)),
                // Where a user comes from is not known.
                Per::Address => {}
            }
        }
        Ok(asked)
    }
}

fn is_alive(one: &StoredOverride, now: DateTime<Utc>) -> bool {
    one.what.until.is_none_or(|until| now < until)
}

fn bare_view(rule: &Rule) -> LimitView {
    LimitView {
        rule: rule.name.clone(),
        per: whom(rule),
        count: counted(rule.kind),
        max: Amount::of(rule.kind, rule.max),
        window: window(rule.kind),
        subject: None,
        limit: None,
        used: None,
        reserved: None,
        remaining: None,
        reset_secs: None,
        resets_at: None,
        violations: None,
        max_override: None,
    }
}

fn with_standing(
    about: LimitView,
    rule: &Rule,
    usage: &LimitUsage,
    violation: Option<&ViolationSummary>,
    now: DateTime<Utc>,
) -> LimitView {
    let amount = |number| Some(Amount::of(rule.kind, number));
    let after = |secs: u64| now.trunc_subsecs(0).checked_add_signed(TimeDelta::seconds(i64::try_from(secs).ok()?));
    LimitView {
        limit: amount(usage.limit),
        used: amount(usage.used),
        reserved: amount(usage.reserved),
        remaining: amount(usage.remaining),
        reset_secs: usage.reset_secs,
        resets_at: usage.reset_secs.and_then(after),
        violations: Some(violation.map_or(0, |violation| violation.count)),
        ..about
    }
}

fn whom(rule: &Rule) -> &'static str {
    match (rule.per, rule.name.as_str()) {
        (Per::User, _) => "user",
        (Per::Key, _) => "key",
        (Per::Global, _) => "global",
        (Per::Address, Rule::LOGIN_NAME) => "name",
        (Per::Address, Rule::LOGIN_NAME_ADDRESS | Rule::LOGIN_KNOWN_ADDRESS) => "name and address",
        (Per::Address, Rule::REFRESH_SESSION) => "session",
        (Per::Address, _) => "address",
    }
}
