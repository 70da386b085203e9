//! Authentication of a bearer token: first what the token itself proves, then whether its session or key and its
//! account are still valid.

use chrono::{DateTime, Utc};

use super::caller::Credential;
use crate::{
    app::{App, Caller, Error, Result},
    auth::KeyToken,
    model::{LimitOverride, SessionId, UserId},
    store::{KeyStatus, SessionStatus},
};

impl App {
    /// Authenticates an access token or an API key. Errors: `Unauthenticated` if it is invalid, `DatabaseUnavailable` if that
    /// cannot be checked.
    pub async fn authenticate(&self, token: &str) -> Result<Caller> {
        if KeyToken::has_prefix(token) { self.by_key(token).await } else { self.by_access_token(token).await }
    }

    async fn by_access_token(&self, token: &str) -> Result<Caller> {
        let now = self.store.now();
        let claims =
            self.identity.tokens().read(token, now).map_err(|error| Error::Unauthenticated(error.to_string()))?;
        let standing = self.identity.credential_cache.of_session(&self.store, claims.sid).await?;
        let is_good = |standing: &&SessionStatus| is_of(standing, claims.sub, claims.epoch) && is_valid(standing, now);
        let standing = standing.as_deref().filter(is_good).ok_or_else(session_ended)?;
        let expires_at = DateTime::from_timestamp_secs(claims.exp).unwrap_or(DateTime::<Utc>::MAX_UTC);
        Ok(Caller::with_session(standing.user.clone(), claims.sid, expires_at))
    }

    async fn by_key(&self, token: &str) -> Result<Caller> {
        let unknown = || Error::Unauthenticated("the API key is not valid".into());
        let key = KeyToken::parse(token).ok_or_else(unknown)?;
        let standing = self.identity.credential_cache.of_key(&self.store, &key.public_id).await?.ok_or_else(unknown)?;
        if !key.matches(&standing.secret_hash) {
            return Err(unknown());
        }
        let now = self.store.now();
        if !is_key_valid(&standing, now) {
            return Err(key_ended());
        }
        self.identity.key_uses.note(&standing, now);
        let (id, scopes) = (standing.key_id, standing.scopes.clone());
        let credential = Credential::Key { id, public_id: key.public_id, scopes };
        Ok(Caller::with_key(standing.user.clone(), credential, standing.expires_at))
    }

    /// When the caller's session or key expires. Errors: `Unauthenticated` if it has ended.
    pub(in crate::app) async fn valid_until(&self, caller: &Caller) -> Result<DateTime<Utc>> {
        match caller.credential() {
            Credential::Operator => Ok(DateTime::<Utc>::MAX_UTC),
            Credential::Session(id) => self.session_valid_until(*id).await,
            Credential::Key { public_id, .. } => {
                let standing = self.identity.credential_cache.of_key(&self.store, public_id).await?;
                let standing =
                    standing.filter(|standing| is_key_valid(standing, self.store.now())).ok_or_else(key_ended)?;
                Ok(standing.expires_at.unwrap_or(DateTime::<Utc>::MAX_UTC))
            }
        }
    }

    async fn session_valid_until(&self, id: SessionId) -> Result<DateTime<Utc>> {
        let standing = self.identity.credential_cache.of_session(&self.store, id).await?;
        let standing = standing.filter(|standing| is_valid(standing, self.store.now())).ok_or_else(session_ended)?;
        Ok(standing.expires_at)
    }

    /// The caller's current limit overrides, without a round trip where the caller is cached: a WebSocket may be older
    /// than they are.
    pub(in crate::app) async fn overrides_of(&self, caller: &Caller) -> Result<Vec<LimitOverride>> {
        match caller.credential() {
            Credential::Session(id) => {
                let standing =
                    self.identity.credential_cache.of_session(&self.store, *id).await?.ok_or_else(session_ended)?;
                Ok(standing.overrides.clone())
            }
            Credential::Key { public_id, .. } => {
                let standing =
                    self.identity.credential_cache.of_key(&self.store, public_id).await?.ok_or_else(key_ended)?;
                Ok(standing.overrides.clone())
            }
            Credential::Operator => {
                let kept = self.store.overrides(caller.user().id).await?;
                Ok(kept.into_iter().map(|one| one.what).collect())
            }
        }
    }

    /// The caller that the operator at the shell acts as.
    pub async fn act_as(&self, login: &str) -> Result<Caller> {
        let account = self.find_account(login).await?;
        if !account.user.enabled {
            let detail = format!("user `{login}` is disabled; `mcpchat user enable {login}` enables the account");
            return Err(Error::Forbidden(detail));
        }
        Ok(Caller::by_operator(account.user))
    }
}

fn is_of(standing: &SessionStatus, user: UserId, epoch: i64) -> bool {
    standing.user.id == user && standing.epoch == epoch
}

fn is_valid(standing: &SessionStatus, now: DateTime<Utc>) -> bool {
    standing.user.enabled && standing.revoked_at.is_none() && standing.expires_at > now
}

fn is_key_valid(standing: &KeyStatus, now: DateTime<Utc>) -> bool {
    let has_time_left = standing.expires_at.is_none_or(|end| end > now);
    standing.user.enabled && standing.revoked_at.is_none() && has_time_left
}

fn session_ended() -> Error {
    Error::Unauthenticated("the session has ended; log in again".into())
}

fn key_ended() -> Error {
    Error::Unauthenticated("the API key was revoked or has expired, or its account is disabled".into())
}
