//! Who was refused by which limit lately.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    super::{Admin, App, Result},
    key_label, login_prefixes,
};
use crate::{
    limits::Subject,
    model::{Cursor, KeyId, Page, UserId, ViolationSummary},
    store::NamedKey,
};

/// The refusals of one subject by one rule, as long as less than 24 hours pass between them.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = LimitViolation)]
pub struct ViolationView {
    /// Who was refused, like `user:ada`, `key:mck_7h2kq9xw4bnr`, `name:ada`, `login:ada 192.0.2.7`,
    /// `address:192.0.2.7`, `session:018f2f6e-…` or `global`.
    pub subject: String,
    /// The account, where it is one's.
    pub user_id: Option<UserId>,
    pub username: Option<String>,
    pub rule: String,
    pub count: i64,
    /// When the last one was.
    pub last: DateTime<Utc>,
    /// When the request that was refused last would have been admitted; `null`: never, it asked for more than the whole limit.
    pub until: Option<DateTime<Utc>>,
}

impl App {
    /// The latest first; of all users, or of one: their account, login names and keys.
    pub async fn violations(
        &self,
        _: &Admin,
        named: Option<&str>,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<Page<ViolationView>> {
        let whose: Option<(BTreeSet<String>, Vec<String>)> = match named {
            Some(named) => {
                let user = self.find_account(named).await?.user;
                let subjects = self.subjects_of(&user).await?.iter().map(Subject::to_string).collect();
                Some((subjects, login_prefixes(&user)))
            }
            None => None,
        };
        let is_theirs = |subject: &String, (subjects, prefixes): &(BTreeSet<String>, Vec<String>)| {
            subjects.contains(subject) || prefixes.iter().any(|prefix| subject.starts_with(prefix))
        };
        let after = match cursor.map(Cursor::decode).transpose()? {
            Some(Cursor::Name { n }) => Some(n),
            Some(Cursor::Position { .. } | Cursor::Time { .. }) => return Err(Cursor::foreign().into()),
            None => None,
        };
        let mut found = self.limits.counters.violations().await?;
        found.retain(|one| whose.as_ref().is_none_or(|whose| is_theirs(&one.subject, whose)));
        found.sort_by_cached_key(place);
        let rest = found.into_iter().filter(|one| after.as_ref().is_none_or(|after| place(one) > *after));
        let rows = rest.take(limit as usize + 1).collect();
        let page = Page::of(rows, limit, |one| Cursor::Name { n: place(one) });
        let names = Names::of(self, page.items.iter().map(|one| one.subject.as_str())).await?;
        Ok(page.map(|one| names.view(one)))
    }
}

/// Its place in the list, as a text that sorts: the latest first.
fn place(one: &ViolationSummary) -> String {
    format!("{:020} {} {}", i64::MAX - one.last_us, one.rule, one.subject)
}

/// What accounts and keys are called, by their subjects.
pub(super) struct Names {
    users: BTreeMap<String, (UserId, String)>,
    keys: BTreeMap<String, NamedKey>,
}

impl Names {
    pub(super) async fn of<'a>(app: &App, subjects: impl Iterator<Item = &'a str> + Clone) -> Result<Self> {
        let ids =
            |kind: &str| subjects.clone().filter_map(|subject| subject.strip_prefix(kind)).collect::<BTreeSet<_>>();
        let users: Vec<UserId> = ids("user:").into_iter().filter_map(|id| id.parse().ok()).collect();
        let keys: Vec<KeyId> = ids("key:").into_iter().filter_map(|id| id.parse().ok()).collect();
        let users = app.store.named_users(&users).await?.into_iter();
        let keys = app.store.named_keys(&keys).await?.into_iter();
        Ok(Self {
            users: users.map(|user| (Subject::User(user.id).to_string(), (user.id, user.username))).collect(),
            keys: keys.map(|key| (Subject::Key(key.id).to_string(), key)).collect(),
        })
    }

    /// A subject for people, and the account it belongs to. What is gone keeps its id for a name.
    pub(super) fn of_subject(&self, subject: String) -> (String, Option<(UserId, String)>) {
        match (self.users.get(&subject), self.keys.get(&subject)) {
            (Some((id, name)), _) => (format!("user:{name}"), Some((*id, name.clone()))),
            (_, Some(key)) => (key_label(&key.prefix), Some((key.user_id, key.username.clone()))),
            (None, None) => (subject, None),
        }
    }

    fn view(&self, one: ViolationSummary) -> ViolationView {
        let (subject, owner) = self.of_subject(one.subject);
        let (user_id, username) = owner.unzip();
        let time = |us| DateTime::from_timestamp_micros(us).unwrap_or_default();
        let until = (one.until_us != ViolationSummary::NEVER_US).then(|| time(one.until_us));
        let last = time(one.last_us);
        ViolationView { subject, user_id, username, rule: one.rule, count: one.count, last, until }
    }
}
