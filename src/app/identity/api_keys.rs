//! API keys, made by users for themselves or by an administrator for them.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use parking_lot::{Mutex, MutexGuard};
use serde_json::json;

use super::caller::user_entry;
use crate::{
    app::{Admin, App, Caller, Error, Origin, Result},
    auth::KeyToken,
    config::Secret,
    model::{ApiKey, Cursor, Invalid, KeyId, KeyName, Page, Role, Scope, Scopes, User, UserId},
    store::{AuditEntry, Audited, KeyStatus, NewKey, OwnedKey},
};

/// The most live keys of a user.
const MAX_LIVE_KEYS: i64 = 50;
const LONGEST_LIFE: TimeDelta = TimeDelta::days(3653);
/// Between two stored uses of a key.
const USES_APART: TimeDelta = TimeDelta::seconds(60);
const MAX_NOTED_USES: usize = 100_000;

/// A new key.
#[derive(Debug)]
pub struct KeySpec {
    pub name: KeyName,
    pub scopes: Scopes,
    pub expires_at: Option<DateTime<Utc>>,
}

/// A new key, with its full text, which is shown only once.
pub struct MadeKey {
    pub about: OwnedKey,
    pub text: Secret,
}

impl App {
    /// Makes a key for the caller.
    pub async fn add_own_key(&self, caller: &Caller, spec: &KeySpec, origin: &Origin) -> Result<MadeKey> {
        caller.login()?;
        let user = caller.user();
        let (made, tx) = self.make_key(user.id, spec).await?;
        tx.commit(&added(&made.about, user_entry(&user.username, origin, "key.add", "ok"))).await?;
        Ok(made)
    }

    /// Makes a key for a user.
    pub async fn add_key(&self, admin: &Admin, login: &str, spec: &KeySpec) -> Result<MadeKey> {
        let user = self.find_account(login).await?.user;
        let (made, tx) = self.make_key(user.id, spec).await?;
        self.enact(admin, tx, &added(&made.about, admin.entry("key.add", ""))).await?;
        Ok(made)
    }

    /// Inserts the key; does not commit.
    async fn make_key(&self, owner: UserId, spec: &KeySpec) -> Result<(MadeKey, Audited)> {
        let now = self.store.now();
        check_expiry(spec.expires_at, now)?;
        let token = KeyToken::generate();
        let mut tx = self.store.audited().await?;
        let owner = tx.lock_user(owner).await?.ok_or_else(|| Error::not_found("user", owner))?;
        may_have(&owner, &spec.scopes)?;
        if tx.live_keys(owner.id, now).await? >= MAX_LIVE_KEYS {
            let detail = format!("`{}` has {MAX_LIVE_KEYS} keys already; revoke one first", owner.username);
            return Err(Error::Conflict { code: "too_many_keys", detail });
        }
        let new = NewKey {
            id: KeyId::new(),
            user_id: owner.id,
            public_id: &token.public_id,
            secret_hash: &token.hash(),
            name: &spec.name,
            scopes: &spec.scopes,
            created_at: now,
            expires_at: spec.expires_at,
        };
        tx.insert_key(&new).await?;
        let about = OwnedKey { username: owner.username, key: made(&new) };
        Ok((MadeKey { about, text: token.text() }, tx))
    }

    /// The caller's own keys, the newest first, including ended ones.
    pub async fn own_keys(&self, caller: &Caller, cursor: Option<&str>, limit: u32) -> Result<Page<ApiKey>> {
        caller.login()?;
        let page = self.store.keys(Some(caller.user().id), position(cursor)?, limit).await?;
        Ok(page.map(|owned| owned.key))
    }

    /// One user's keys, or all.
    pub async fn list_keys(&self, login: Option<&str>, cursor: Option<&str>, limit: u32) -> Result<Page<OwnedKey>> {
        let user = match login {
            Some(login) => Some(self.find_account(login).await?.user.id),
            None => None,
        };
        Ok(self.store.keys(user, position(cursor)?, limit).await?)
    }

    /// Revokes a key of the caller's. For a revoked one nothing changes.
    pub async fn revoke_own_key(&self, caller: &Caller, id: KeyId, origin: &Origin) -> Result<()> {
        caller.login()?;
        let username = &caller.user().username;
        let owned = self.store.key(Some(id), None).await?.filter(|owned| owned.username == *username);
        let mut owned = owned.ok_or_else(|| Error::not_found("key", id))?;
        if let Some(tx) = self.end_key(&mut owned).await? {
            tx.commit(&ended(&owned, user_entry(username, origin, "key.revoke", "ok"))).await?;
            self.identity.revocation_bus.publish(owned.key.id);
        }
        Ok(())
    }

    /// Revokes a key by its id or its prefix, `mck_…`.
    pub async fn revoke_key(&self, admin: &Admin, named: &str) -> Result<OwnedKey> {
        let mut owned = self.show_key(named).await?;
        if let Some(tx) = self.end_key(&mut owned).await? {
            self.enact(admin, tx, &ended(&owned, admin.entry("key.revoke", ""))).await?;
        }
        Ok(owned)
    }

    /// Finds a key by its id or its prefix. Another text is not repeated: it may be a whole key.
    pub async fn show_key(&self, named: &str) -> Result<OwnedKey> {
        let (id, public_id) = (named.parse().ok(), KeyToken::public_id_of(named));
        if id.is_none() && public_id.is_none() {
            let message = "must be the id of a key or how it begins, like mck_4yJq8hTzWm2c; never the whole key";
            return Err(Invalid::new("id", message).into());
        }
        self.store.key(id, public_id).await?.ok_or_else(|| Error::not_found("key", named))
    }

    /// Revokes the key; does not commit. `None` if it was revoked before: then there is nothing to record.
    async fn end_key(&self, owned: &mut OwnedKey) -> Result<Option<Audited>> {
        let now = self.store.now();
        let mut tx = self.store.audited().await?;
        if !tx.revoke_key(owned.key.id, now).await? {
            return Ok(None);
        }
        owned.key.revoked_at = Some(now);
        Ok(Some(tx))
    }

    /// Stores which keys were used; after an error the next use of a key is stored.
    pub(in crate::app) async fn note_key_uses(&self) {
        let uses = self.identity.key_uses.take();
        if !uses.is_empty() {
            self.store.note_key_uses(&uses, USES_APART).await.ok();
        }
    }
}

/// The key uses that are not stored yet, so that no request waits for that.
#[derive(Default)]
pub(in crate::app) struct Uses(Mutex<HashMap<KeyId, DateTime<Utc>>>);

impl Uses {
    pub(in crate::app) fn note(&self, standing: &KeyStatus, now: DateTime<Utc>) {
        if standing.last_used_at.is_some_and(|last| now - last < USES_APART) {
            return;
        }
        let mut uses = self.uses();
        if uses.len() < MAX_NOTED_USES {
            uses.insert(standing.key_id, now);
        }
    }

    fn take(&self) -> Vec<(KeyId, DateTime<Utc>)> {
        std::mem::take(&mut *self.uses()).into_iter().collect()
    }

    fn uses(&self) -> MutexGuard<'_, HashMap<KeyId, DateTime<Utc>>> {
        self.0.lock()
    }
}

fn check_expiry(expires_at: Option<DateTime<Utc>>, now: DateTime<Utc>) -> Result<()> {
    match expires_at {
        Some(end) if end <= now => Err(Invalid::new("expires_at", "must be in the future").into()),
        Some(end) if end > now + LONGEST_LIFE => {
            Err(Invalid::new("expires_at", "must be within ten years; leave it out for a key without an end").into())
        }
        _ => Ok(()),
    }
}

fn may_have(owner: &User, scopes: &Scopes) -> Result<()> {
    let name = &owner.username;
    if !owner.enabled {
        let detail = format!("user `{name}` is disabled; `mcpchat user enable {name}` enables the account");
        return Err(Error::Forbidden(detail));
    }
    if scopes.contains(Scope::Admin) && owner.role != Role::Admin {
        return Err(Error::Forbidden(format!("only an admin can have a key with the scope `admin`; `{name}` is none")));
    }
    Ok(())
}

fn position(cursor: Option<&str>) -> Result<Option<(DateTime<Utc>, uuid::Uuid)>> {
    match cursor.map(Cursor::decode).transpose()? {
        Some(Cursor::Time { t, id }) => Ok(Some((t, id))),
        Some(Cursor::Position { .. } | Cursor::Name { .. }) => Err(Cursor::foreign().into()),
        None => Ok(None),
    }
}

fn made(new: &NewKey<'_>) -> ApiKey {
    ApiKey {
        id: new.id,
        name: new.name.as_str().to_owned(),
        prefix: format!("mck_{}", new.public_id),
        scopes: new.scopes.clone(),
        created_at: new.created_at,
        expires_at: new.expires_at,
        last_used_at: None,
        revoked_at: None,
    }
}

fn added(owned: &OwnedKey, entry: AuditEntry) -> AuditEntry {
    AuditEntry { target: target(owned), after: described(owned), ..entry }
}

fn ended(owned: &OwnedKey, entry: AuditEntry) -> AuditEntry {
    AuditEntry { target: target(owned), before: described(owned), ..entry }
}

fn target(owned: &OwnedKey) -> Option<String> {
    Some(format!("key:{}", owned.key.prefix))
}

fn described(owned: &OwnedKey) -> Option<serde_json::Value> {
    let OwnedKey { username, key } = owned;
    Some(json!({ "user": username, "name": key.name, "scopes": key.scopes, "expires_at": key.expires_at }))
}
