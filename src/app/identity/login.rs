//! Login, refresh and logout. A login checks limits, then the account, then the password, then writes the audit row.

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;

use super::caller::{anonymous_entry, user_entry};
use crate::{
    app::{App, Caller, Error, Origin, Result},
    auth::RefreshToken,
    config::Secret,
    model::{SessionId, UserId},
    store::{Account, NewSession, Rotation},
};

/// How long a used refresh token still yields the same successor: parallel tabs send it twice.
const REFRESH_GRACE: TimeDelta = TimeDelta::seconds(10);

/// What a login gives.
#[derive(Serialize, utoipa::ToSchema)]
pub struct TokenPair {
    pub access_token: String,
    pub token_type: &'static str,
    /// Seconds the access token lives.
    pub expires_in: u64,
    pub refresh_token: String,
}

impl App {
    /// Exchanges a user name (or email) and a password for tokens.
    pub async fn login(&self, login: &str, password: &Secret, origin: &Origin) -> Result<TokenPair> {
        let outcome = self.try_login(login, password, origin).await;
        let word = outcome.as_ref().map_or_else(Error::code, |_| "ok");
        self.metrics.logins_total.with_label_values(&[word]).inc();
        outcome
    }

    async fn try_login(&self, login: &str, password: &Secret, origin: &Origin) -> Result<TokenPair> {
        let priority = self.take_login(origin, login).await?;
        let _place = self.identity.passwords.queue(priority).await?;
        let account = self.store.account_by_login(login).await?;
        let known = account.as_ref().map(|account| account.password_hash.as_str());
        let is_right = self.check_password(password, known, &account).await?;
        match account {
            Some(account) if is_right && account.user.enabled => self.open_session(&account, origin).await,
            refused => {
                // The log tells what the response must not: that the password of a disabled account was right.
                let outcome = if is_right { "account_disabled" } else { "wrong_credentials" };
                let entry = match &refused {
                    Some(account) => user_entry(&account.user.username, origin, "session.login", outcome),
                    None => anonymous_entry(origin, "session.login", "wrong_credentials"),
                };
                self.store.audited().await?.commit(&entry).await?;
                Err(Error::WrongCredentials)
            }
        }
    }

    /// Checks a password, against a dummy hash where there is no account, and replaces an outdated hash.
    async fn check_password(&self, password: &Secret, known: Option<&str>, account: &Option<Account>) -> Result<bool> {
        let checked = self.identity.passwords.check(password, known).await;
        if let (true, true, Some(account)) = (checked.is_right, checked.is_outdated, account) {
            let stronger = self.identity.passwords.hash(password).await;
            self.store.rehash_password(account.user.id, &account.password_hash, &stronger).await?;
        }
        Ok(checked.is_right)
    }

    async fn open_session(&self, account: &Account, origin: &Origin) -> Result<TokenPair> {
        let (session, refresh, now) = (SessionId::new(), RefreshToken::generate(), self.store.now());
        let mut tx = self.store.audited().await?;
        tx.insert_session(&NewSession {
            id: session,
            user_id: account.user.id,
            refresh_hash: &refresh.hash,
            address: origin.address.map(|address| address.to_string()),
            user_agent: origin.user_agent.clone(),
            created_at: now,
            expires_at: now + self.config.auth.refresh_token_ttl,
        })
        .await?;
        self.note_login_address(&mut tx, account.user.id, origin.address, now).await?;
        tx.commit(&user_entry(&account.user.username, origin, "session.login", "ok")).await?;
        self.reread_login_address(origin.address).await;
        Ok(self.pair(account.user.id, session, account.epoch, &refresh, now))
    }

    /// Exchanges a refresh token for a new pair (rotation). Parallel requests with the same token, as from several
    /// tabs, get the same pair. A later reuse ends the whole session.
    pub async fn refresh(&self, token: &str, origin: &Origin) -> Result<TokenPair> {
        let refused = || Error::Unauthenticated("the refresh token is not valid; log in again".into());
        let taken = self.take_refresh(origin).await?;
        let old = RefreshToken::of(token);
        let session = self.store.session_of_token(&old.hash).await?.ok_or_else(refused)?;
        self.take_refresh_of(origin, session).await?;
        let successors = old.successors(self.identity.tokens().keys());
        let hashes: Vec<Vec<u8>> = successors.iter().map(|token| token.hash.clone()).collect();
        match self.store.rotate(&old.hash, &hashes, REFRESH_GRACE).await? {
            Rotation::Rotated { session, user, at, successor } => {
                self.release_refresh(taken).await;
                let standing = self.store.standing(session).await?.ok_or_else(refused)?;
                Ok(self.pair(user, session, standing.epoch, &successors[successor], at))
            }
            Rotation::Reused { session, username, ending } => {
                let entry = user_entry(&username, origin, "session.refresh_reused", "session_ended");
                ending.commit(&entry).await?;
                self.identity.revocation_bus.publish(session);
                Err(refused())
            }
            Rotation::Unknown => Err(refused()),
        }
    }

    /// Ends the caller's session, with its refresh and access tokens.
    pub async fn logout(&self, caller: &Caller, origin: &Origin) -> Result<()> {
        let session = caller.login()?;
        let mut tx = self.store.audited().await?;
        tx.end_session(session, self.store.now()).await?;
        tx.commit(&user_entry(&caller.user().username, origin, "session.logout", "ok")).await?;
        self.identity.revocation_bus.publish(session);
        Ok(())
    }

    /// A token pair first issued at `at`.
    fn pair(
        &self,
        user: UserId,
        session: SessionId,
        epoch: i64,
        refresh: &RefreshToken,
        at: DateTime<Utc>,
    ) -> TokenPair {
        let (tokens, now) = (self.identity.tokens(), self.store.now());
        let ttl = TimeDelta::from_std(tokens.ttl()).unwrap_or(TimeDelta::MAX);
        // The same access token again, unless half of its lifetime is over.
        let from = if now - at < ttl / 2 { at } else { now };
        let left = ttl - TimeDelta::seconds(now.timestamp() - from.timestamp());
        TokenPair {
            access_token: tokens.issue(user, session, epoch, from),
            token_type: "bearer",
            expires_in: left.num_seconds().unsigned_abs(),
            refresh_token: refresh.text.expose().to_owned(),
        }
    }
}
