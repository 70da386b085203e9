//! From a bearer token to a caller: signature and expiry first, then whether session and account still stand. That is
//! remembered for half a second, so that a busy client costs no round trips and a revocation takes effect within a second
//! on every replica; on the one that revoked it, at once.

use std::time::Duration;

use chrono::{DateTime, Utc};
use moka::future::Cache;

use super::{App, Caller, Error, Result};
use crate::{
    clock,
    model::SessionId,
    store::{self, Standing, Store},
};

/// Half of what the promise allows: the other half is for the request itself.
const REMEMBERED_FOR: Duration = Duration::from_millis(500);
const REMEMBERED_SESSIONS: u64 = 100_000;

impl App {
    /// Errors: `Unauthenticated` for whatever is wrong with the token, `DatabaseAway` if that cannot be known.
    pub async fn authenticate(&self, token: &str) -> Result<Caller> {
        let claims = self.tokens().read(token).map_err(|error| Error::Unauthenticated(error.to_string()))?;
        let standing = self.standings.of(&self.store, claims.sid).await?;
        let ended = || Error::Unauthenticated("the session has ended; log in again".into());
        let standing = standing.ok_or_else(ended)?;
        let is_good = standing.user.id == claims.sub
            && standing.user.enabled
            && standing.epoch == claims.epoch
            && standing.revoked_at.is_none()
            && standing.expires_at > clock::now();
        let expires_at = DateTime::from_timestamp_secs(claims.exp).unwrap_or(DateTime::<Utc>::MAX_UTC);
        if is_good { Ok(Caller::with_session(standing.user, claims.sid, expires_at)) } else { Err(ended()) }
    }

    /// The caller that the operator at the shell acts as.
    pub async fn act_as(&self, login: &str) -> Result<Caller> {
        let account = self.find_account(login).await?;
        if !account.user.enabled {
            let detail = format!("user `{login}` is disabled; `mcpchat user enable {login}` lets them in again");
            return Err(Error::Forbidden(detail));
        }
        Ok(Caller::by_operator(account.user))
    }
}

/// What was lately known about sessions. Many requests for one session ask the database once.
#[derive(Clone)]
pub(super) struct Standings(Cache<SessionId, Option<Standing>>);

impl Standings {
    pub(super) fn new() -> Self {
        Self(Cache::builder().max_capacity(REMEMBERED_SESSIONS).time_to_live(REMEMBERED_FOR).build())
    }

    pub(super) async fn of(&self, store: &Store, session: SessionId) -> Result<Option<Standing>> {
        let read = self.0.try_get_with(session, store.standing(session)).await;
        read.map_err(|error| match &*error {
            store::Error::Away(detail) => Error::DatabaseAway(detail.clone()),
            other => Error::Internal(other.to_string()),
        })
    }

    pub(super) async fn forget(&self, session: SessionId) {
        self.0.invalidate(&session).await;
    }

    /// After a change that concerns all sessions of a user.
    pub(super) fn forget_all(&self) {
        self.0.invalidate_all();
    }
}
